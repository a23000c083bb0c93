/// A tar archive that a test writes byte by byte, so that it can hold what no tar program would write.
///
///     let tar = Tar { directory("etc"); file("etc/motd", "hi"); hardlink("motd", to: "etc/motd") }
package struct Tar: Sendable {
    package enum Dialect: String, CaseIterable, Sendable {
        case v7, ustar, gnu, pax
    }

    /// What stands behind the last entry.
    package enum End: String, CaseIterable, Sendable {
        /// Two zero blocks.
        case proper
        case loneZeroBlock
        case missing
        /// Not even the padding of the last file.
        case unpadded
        /// Two zero blocks and 100 more zeros, so that the whole is no multiple of 512.
        case trailingZeros
        /// Two zero blocks, then something else.
        case trailingBytes
    }

    package var items: [TarItem]
    package let dialect: Dialect
    /// Put before each name; not before the targets of links.
    package let prefix: String
    package let end: End

    package init(
        _ dialect: Dialect = .ustar, prefix: String = "", end: End = .proper, @TarBuilder _ items: () -> [TarItem]
    ) {
        self.init(dialect, prefix: prefix, end: end, items: items())
    }

    package init(_ dialect: Dialect, prefix: String = "", end: End = .proper, items: [TarItem]) {
        self.dialect = dialect
        self.prefix = prefix
        self.end = end
        self.items = items
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for (position, item) in items.enumerated() {
            item.write(to: &bytes, dialect: dialect, prefix: prefix)
            if end != .unpadded || position < items.count - 1 { bytes.padToTarBlock() }
        }
        switch end {
        case .proper: bytes.append(zeros: 1024)
        case .loneZeroBlock: bytes.append(zeros: 512)
        case .missing, .unpadded: break
        case .trailingZeros: bytes.append(zeros: 1124)
        case .trailingBytes:
            bytes.append(zeros: 1024)
            bytes += Array("whatever a broken disk left behind".utf8)
        }
        return bytes
    }
}

extension Tar: CustomStringConvertible {
    package var description: String {
        "\(dialect) [\(items.map { "\($0.kind) \(String(decoding: $0.name.prefix(60), as: UTF8.self))" }.joined(separator: ", "))]"
    }
}

@resultBuilder
package enum TarBuilder {
    package static func buildExpression(_ item: TarItem) -> [TarItem] { [item] }
    package static func buildExpression(_ items: [TarItem]) -> [TarItem] { items }
    package static func buildBlock(_ parts: [TarItem]...) -> [TarItem] { parts.flatMap(\.self) }
    package static func buildArray(_ parts: [[TarItem]]) -> [TarItem] { parts.flatMap(\.self) }
    package static func buildOptional(_ part: [TarItem]?) -> [TarItem] { part ?? [] }
    package static func buildEither(first: [TarItem]) -> [TarItem] { first }
    package static func buildEither(second: [TarItem]) -> [TarItem] { second }
}

/// One entry, or a block that belongs to none.
package struct TarItem: Sendable {
    package enum Kind: Hashable, Sendable {
        case file, directory, symlink, hardlink, characterDevice, blockDevice, fifo
        case sparse(SparseForm)
        /// pax `g` records.
        case globalRecords
        /// A GNU volume label.
        case volumeLabel
        /// Bytes that are no header at all.
        case raw
    }

    package enum SparseForm: String, CaseIterable, Sendable {
        case gnu, pax00, pax01, pax10
    }

    package struct Region: Hashable, Sendable {
        package var offset: Int64
        package var bytes: [UInt8]
    }

    package var name: [UInt8]
    package var kind: Kind
    package var content: [UInt8] = []
    package var target: [UInt8] = []
    package var mode: Int64 = 0o644
    package var userID: Int64 = 0
    package var groupID: Int64 = 0
    package var userName = ""
    package var groupName = ""
    package var seconds: Int64 = 0
    /// Digits behind the point, as a pax record has them.
    package var fraction = ""
    package var device: (major: Int64, minor: Int64) = (0, 0)
    package var attributes: [(name: String, value: [UInt8])] = []
    package var records: [(key: String, value: [UInt8])] = []
    /// Parts of a sparse file that hold data, and its whole size.
    package var regions: [Region] = []
    package var sparseSize: Int64 = 0
    package var typeFlag: UInt8?
    package var sizeField: Int64?
    package var hasBadChecksum = false

    package init(_ kind: Kind, _ name: [UInt8]) {
        self.kind = kind
        self.name = name
    }

    private func with(_ change: (inout TarItem) -> Void) -> TarItem {
        var result = self
        change(&result)
        return result
    }

    package func mode(_ mode: Int64) -> TarItem { with { $0.mode = mode } }
    package func owner(_ user: Int64, _ group: Int64) -> TarItem { with { ($0.userID, $0.groupID) = (user, group) } }
    package func named(_ user: String, _ group: String) -> TarItem {
        with { ($0.userName, $0.groupName) = (user, group) }
    }
    package func modified(_ seconds: Int64, fraction: String = "") -> TarItem {
        with { ($0.seconds, $0.fraction) = (seconds, fraction) }
    }
    package func attribute(_ name: String, _ value: [UInt8]) -> TarItem { with { $0.attributes.append((name, value)) } }
    package func record(_ key: String, _ value: [UInt8]) -> TarItem { with { $0.records.append((key, value)) } }
    package func record(_ key: String, _ value: String) -> TarItem { record(key, Array(value.utf8)) }
    package func type(_ flag: Character) -> TarItem { with { $0.typeFlag = flag.asciiValue } }
    package func sizeField(_ size: Int64) -> TarItem { with { $0.sizeField = size } }
    package var withBadChecksum: TarItem { with { $0.hasBadChecksum = true } }
}

package func file(_ name: String, _ content: String = "") -> TarItem { file(name, Array(content.utf8)) }

package func file(_ name: String, _ content: [UInt8]) -> TarItem { file(Array(name.utf8), content) }

package func file(_ name: [UInt8], _ content: [UInt8]) -> TarItem {
    var item = TarItem(.file, name)
    item.content = content
    return item
}

/// A slash is put behind the name.
package func directory(_ name: String) -> TarItem {
    TarItem(.directory, Array((name.hasSuffix("/") ? name : name + "/").utf8)).mode(0o755)
}

package func symlink(_ name: String, to target: String) -> TarItem { symlink(name, to: Array(target.utf8)) }

package func symlink(_ name: String, to target: [UInt8]) -> TarItem {
    var item = TarItem(.symlink, Array(name.utf8)).mode(0o777)
    item.target = target
    return item
}

package func hardlink(_ name: String, to target: String) -> TarItem {
    var item = TarItem(.hardlink, Array(name.utf8))
    item.target = Array(target.utf8)
    return item
}

package func characterDevice(_ name: String, _ major: Int64, _ minor: Int64) -> TarItem {
    var item = TarItem(.characterDevice, Array(name.utf8))
    item.device = (major, minor)
    return item
}

package func blockDevice(_ name: String, _ major: Int64, _ minor: Int64) -> TarItem {
    var item = TarItem(.blockDevice, Array(name.utf8))
    item.device = (major, minor)
    return item
}

package func fifo(_ name: String) -> TarItem { TarItem(.fifo, Array(name.utf8)) }

package func sparse(
    _ form: TarItem.SparseForm, _ name: String, size: Int64, _ regions: [(offset: Int64, bytes: String)]
) -> TarItem {
    var item = TarItem(.sparse(form), Array(name.utf8))
    item.sparseSize = size
    item.regions = regions.map { TarItem.Region(offset: $0.offset, bytes: Array($0.bytes.utf8)) }
    return item
}

package func globalRecords(_ records: [(String, String)]) -> TarItem {
    var item = TarItem(.globalRecords, Array("pax_global_header".utf8))
    item.records = records.map { ($0.0, Array($0.1.utf8)) }
    return item
}

package func volumeLabel(_ name: String) -> TarItem { TarItem(.volumeLabel, Array(name.utf8)) }

package func rawBytes(_ bytes: [UInt8]) -> TarItem {
    var item = TarItem(.raw, [])
    item.content = bytes
    return item
}

extension [UInt8] {
    package mutating func append(zeros count: Int) {
        append(contentsOf: repeatElement(0, count: count))
    }

    mutating func padToTarBlock() {
        append(zeros: (512 - count % 512) % 512)
    }
}
