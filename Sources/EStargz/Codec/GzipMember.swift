import CDeflate
import Content

/// Compresses gzip members, each a whole buffer at once. One compressor for each thread.
package final class GzipCompressor {
    private let compressor: OpaquePointer

    /// - Throws: `CompressionFailure` when libdeflate knows no such level or has no memory.
    package init(level: CompressionLevel) throws {
        guard let compressor = libdeflate_alloc_compressor(level.number) else { throw CompressionFailure.noMemory }
        self.compressor = compressor
    }

    deinit {
        libdeflate_free_compressor(compressor)
    }

    /// An upper bound for the member that `count` bytes become.
    package func bound(_ count: Int) -> Int {
        libdeflate_gzip_compress_bound(compressor, count)
    }

    /// Writes one gzip member and returns how long it is.
    ///
    /// libdeflate's header is fixed: no name, no time, operating system unknown.
    package func compress(_ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = libdeflate_gzip_compress(
            compressor, bytes.baseAddress, bytes.count, output.baseAddress, output.count)
        // Zero means that the output did not fit, which `bound` rules out.
        guard count > 0 else { throw CompressionFailure.noRoom }
        return count
    }

    /// The version of the library, on which the written bytes depend.
    package static var libraryVersion: String { LIBDEFLATE_VERSION_STRING }
}

/// How hard libdeflate tries, 0 (stored) to 12.
package struct CompressionLevel: Hashable, Sendable {
    package let number: Int32

    package static let `default` = CompressionLevel(unchecked: 6)
    package static let range = 0...12

    /// `nil` outside `range`.
    package init?(_ number: Int) {
        guard Self.range.contains(number) else { return nil }
        self.init(unchecked: Int32(number))
    }

    private init(unchecked number: Int32) {
        self.number = number
    }
}

enum CompressionFailure: Failure {
    case noMemory, noRoom

    var kind: FailureKind { .io }
    var description: String {
        switch self {
        case .noMemory: "libdeflate has no memory"
        case .noRoom: "a compressed member is longer than libdeflate's own bound"
        }
    }
}
