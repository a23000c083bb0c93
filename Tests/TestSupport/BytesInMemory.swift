import Content

/// What is in memory already.
package struct BytesInMemory: RandomAccess {
    private let all: [UInt8]

    package init(_ bytes: [UInt8]) {
        all = bytes
    }

    package var count: Int64 { Int64(all.count) }

    package func bytes(in range: Range<Int64>) throws -> [UInt8] {
        guard range.lowerBound >= 0, range.upperBound <= count else {
            throw FileFailure.truncated(wanted: range.count, found: max(0, Int(count - range.lowerBound)))
        }
        return Array(all[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}
