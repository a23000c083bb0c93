/// Bytes that can be read at any position without the rest: a local file, or a blob that stays in a registry.
package protocol RandomAccess: Sendable {
    var count: Int64 { get }

    /// Reads exactly `range`, which must lie within the count.
    func bytes(in range: Range<Int64>) async throws -> [UInt8]

    /// Keeps nothing of what was read: it turned out wrong, and is right the next time if it was changed on its way.
    func forget()
}

extension RandomAccess {
    package func forget() {}
}

extension FileSlice: RandomAccess {
    package func bytes(in part: Range<Int64>) throws -> [UInt8] {
        guard part.lowerBound >= 0, part.upperBound <= count else {
            throw FileFailure.truncated(wanted: part.count, found: max(0, Int(count - part.lowerBound)))
        }
        return try FileSlice(file, range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound).bytes()
    }
}
