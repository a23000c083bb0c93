/// What unpacking a layer leaves behind, as far as an image means it; compared between a source and what became of it.
package struct FileTree: Equatable, Sendable {
    package enum Kind: Hashable, Sendable {
        case file([UInt8])
        case directory
        case symlink(String)
        case characterDevice(Int64, Int64)
        case blockDevice(Int64, Int64)
        case fifo
    }

    package struct Node: Equatable, Sendable {
        package var kind: Kind
        package var mode: Int64 = 0
        package var userID: Int64 = 0
        package var groupID: Int64 = 0
        /// Whole seconds; `nil` where a table of contents says nothing.
        package var modified: Int64?
        package var attributes: [String: [UInt8]] = [:]
        /// All names of the file, where hard links give it several.
        package var names: [String] = []
    }

    package var nodes: [String: Node] = [:]

    /// A line for each path that is not the same on both sides; for the messages of tests.
    package func differences(from other: FileTree) -> [String] {
        Set(nodes.keys).union(other.nodes.keys).sorted().compactMap { path in
            let (mine, theirs) = (nodes[path], other.nodes[path])
            guard mine != theirs else { return nil }
            return "\(path): \(mine.map(Self.short) ?? "missing") instead of \(theirs.map(Self.short) ?? "nothing")"
        }
    }

    private static func short(_ node: Node) -> String { String(String(describing: node).prefix(600)) }

    /// The name that all spellings of a path share; the root is empty.
    ///
    /// Bytes beyond ASCII are spelled out, because Swift takes some different ones for equal.
    package static func clean(_ name: String) -> String {
        var parts: [Substring.UTF8View] = []
        for part in Substring(name).utf8.split(separator: UInt8(ascii: "/")) {
            switch String(Substring(part)) {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return parts.map { part in
            part.map { $0 < 0x80 ? String(Unicode.Scalar($0)) : "\\x" + String($0, radix: 16) }.joined()
        }.joined(separator: "/")
    }

    /// Names that are special in the root of an eStargz layer.
    package static let specialNames: Set<String> = [".prefetch.landmark", ".no.prefetch.landmark", "stargz.index.json"]
}

extension Tar {
    /// Unpacks entry by entry, as containerd does: what is there already gives way, but a directory to a directory.
    ///
    /// Links to what comes later are made at the end.
    package var unpacked: FileTree {
        var unpacking = Unpacking()
        for item in items { unpacking.add(item, prefix: prefix) }
        return unpacking.finished()
    }
}

private struct Unpacking {
    private var inodes: [FileTree.Node] = []
    private var inodeOfName: [String: Int] = [:]
    private var order: [String] = []
    private var forwardLinks: [(name: String, target: String)] = []

    mutating func add(_ item: TarItem, prefix: String) {
        let name = FileTree.clean(prefix + String(decoding: item.name, as: UTF8.self))
        guard !FileTree.specialNames.contains(name), var node = FileTree.Node(item) else { return }
        if item.kind == .hardlink {
            let target = FileTree.clean(String(decoding: item.target, as: UTF8.self))
            if target == name, inodeOfName[name] != nil { return }
            remove(name)
            guard let inode = inodeOfName[target] else {
                forwardLinks.append((name, target))
                return
            }
            inodeOfName[name] = inode
            return
        }
        if let old = inodeOfName[name], inodes[old].kind == .directory, node.kind == .directory {
            inodes[old] = node
            return
        }
        if node.kind != .directory || inodeOfName[name] != nil { remove(name) }
        node.names = []
        inodes.append(node)
        inodeOfName[name] = inodes.count - 1
    }

    private mutating func remove(_ name: String) {
        inodeOfName[name] = nil
        for below in inodeOfName.keys.filter({ $0.hasPrefix(name + "/") }) { inodeOfName[below] = nil }
        forwardLinks.removeAll { $0.name == name || $0.name.hasPrefix(name + "/") }
    }

    mutating func finished() -> FileTree {
        for _ in forwardLinks {
            for link in forwardLinks where inodeOfName[link.name] == nil {
                inodeOfName[link.name] = inodeOfName[link.target]
            }
        }
        var tree = FileTree()
        for (name, inode) in inodeOfName {
            var node = inodes[inode]
            node.names = inodeOfName.filter { $0.value == inode }.keys.sorted()
            tree.nodes[name] = node
        }
        return tree
    }
}

extension FileTree.Node {
    /// `nil` for what makes no file.
    fileprivate init?(_ item: TarItem) {
        switch item.kind {
        case .file: kind = .file(item.content)
        case .directory: kind = .directory
        case .symlink: kind = .symlink(String(decoding: item.target, as: UTF8.self))
        case .characterDevice: kind = .characterDevice(item.device.major, item.device.minor)
        case .blockDevice: kind = .blockDevice(item.device.major, item.device.minor)
        case .fifo: kind = .fifo
        // Replaced by what it leads to.
        case .hardlink: kind = .fifo
        case .sparse:
            var content = [UInt8](repeating: 0, count: Int(item.sparseSize))
            for region in item.regions {
                content.replaceSubrange(
                    Int(region.offset)..<Int(region.offset) + region.bytes.count, with: region.bytes)
            }
            kind = .file(content)
        case .globalRecords, .volumeLabel, .raw: return nil
        }
        mode = item.mode & 0o7777
        (userID, groupID) = (item.userID, item.groupID)
        modified = item.tocSeconds
        for attribute in item.attributes { attributes[attribute.name] = attribute.value }
    }
}

extension TarItem {
    /// The time as a table of contents has it: rounded half-up, `nil` for second zero and outside the years 1 to 9999.
    fileprivate var tocSeconds: Int64? {
        let time = Double("0." + (fraction.isEmpty ? "0" : fraction)) ?? 0
        let floor = seconds < 0 && time > 0 ? seconds - 1 : seconds
        let part = seconds < 0 && time > 0 ? 1 - time : time
        let rounded = part >= 0.5 ? floor + 1 : floor
        return floor != 0 && rounded != 0 && (-62_135_596_800...253_402_300_799).contains(rounded) ? rounded : nil
    }
}
