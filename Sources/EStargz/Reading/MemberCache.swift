import Content
import Synchronization

/// The member that was inflated last, as far as it was needed: small files share one, and are read one after the other.
package final class MemberCache: Sendable {
    private struct Prefix {
        let table: Digest
        let offset: Int64
        let bytes: [UInt8]
    }

    private let last = Mutex<Prefix?>(nil)

    package init() {}

    /// The first inflated bytes of a member, as many as are at hand; none for any other than the last.
    ///
    /// - Parameters:
    ///   - table: the digest of the layer's table of contents.
    ///   - offset: where the member begins, in bytes of the blob.
    /// - Returns: a prefix of the member.
    func prefix(_ table: Digest, at offset: Int64) -> [UInt8] {
        last.withLock { $0.flatMap { $0.table == table && $0.offset == offset ? $0.bytes : nil } ?? [] }
    }

    func keep(_ bytes: [UInt8], _ table: Digest, at offset: Int64) {
        last.withLock { $0 = Prefix(table: table, offset: offset, bytes: bytes) }
    }

    func forget() { last.withLock { $0 = nil } }
}
