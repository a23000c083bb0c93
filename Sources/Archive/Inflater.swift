import Content

/// Inflates a stream piece by piece; memory does not depend on what the stream claims.
protocol Inflater: AnyObject {
    /// Whether to stop where a member or frame ends, instead of going on with the next.
    var stopsAtMembers: Bool { get set }

    /// Whether all that has been read makes whole members.
    var isBetweenMembers: Bool { get }

    /// Takes bytes off the front of `input` and writes inflated ones to `output`.
    ///
    /// Makes progress whenever there is input and room. Returns how many bytes were written.
    func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int

    /// Says that the input has ended; throws when the stream has not.
    func finish() throws
}

extension Compression {
    func makeInflater() throws -> any Inflater {
        switch self {
        case .none: return StoredInflater()
        case .zstd: return try ZstdInflater()
        case .gzip:
            #if ISAL
                return ISALInflater()
            #else
                return try ZlibInflater()
            #endif
        }
    }
}

/// For layers that are not compressed at all.
private final class StoredInflater: Inflater {
    var stopsAtMembers = false
    let isBetweenMembers = true

    func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(input.count, output.count)
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
        input = UnsafeRawBufferPointer(rebasing: input[count...])
        return count
    }

    func finish() {}
}

enum InflationFailure: Failure {
    case truncated(Compression)
    case corrupt(Compression, String)
    case trailingBytes

    var kind: FailureKind { .invalid }

    var description: String {
        switch self {
        case .truncated(let compression): "the \(compression) stream ends too early"
        case .corrupt(let compression, let reason): "the \(compression) stream is corrupt: \(reason)"
        case .trailingBytes: "bytes that are no gzip member follow the gzip stream"
        }
    }
}
