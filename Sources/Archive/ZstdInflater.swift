import CZstd
import Content

/// Inflates zstd frames in a row, skippable ones among them.
final class ZstdInflater: Inflater {
    private let stream: OpaquePointer
    var stopsAtMembers = false
    private(set) var isBetweenMembers = true

    init() throws {
        guard let stream = ZSTD_createDStream() else {
            throw InflationFailure.corrupt(.zstd, "libzstd has no memory")
        }
        self.stream = stream
    }

    deinit {
        ZSTD_freeDStream(stream)
    }

    func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var sink = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        while sink.pos < sink.size {
            let before = (source.pos, sink.pos)
            let status = ZSTD_decompressStream(stream, &sink, &source)
            guard ZSTD_isError(status) == 0 else {
                throw InflationFailure.corrupt(.zstd, String(cString: ZSTD_getErrorName(status)))
            }
            if before == (source.pos, sink.pos) { break }
            isBetweenMembers = status == 0
            if isBetweenMembers, stopsAtMembers || source.pos == source.size { break }
        }
        input = UnsafeRawBufferPointer(rebasing: input[source.pos...])
        return sink.pos
    }

    func finish() throws {
        guard isBetweenMembers else { throw InflationFailure.truncated(.zstd) }
    }
}
