import Archive
import Content
import EStargz

/// What is known of a file of an image.
package struct EntryReport: Sendable {
    package let path: EntryPath
    /// The attributes, never of a hard link but of its target.
    package let entry: TarEntry
    /// The layer that has the data, counted from 1; `nil` for a directory that no layer has an entry for.
    package let layer: Int?

    package init(_ node: MergedTree.Node, in tree: MergedTree) {
        path = node.path
        entry = tree.entry(of: node)
        layer = node.file.map { $0.layer + 1 }
    }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["path"] = .string(path.description)
        json["type"] = .string(entry.kind.typeName)
        if case .regular(let size) = entry.kind { json["size"] = .integer(size) }
        json["target"] = entry.kind.symlinkTarget.map(JSON.string)
        if let (major, minor) = entry.kind.deviceNumbers {
            json["major"] = .integer(major)
            json["minor"] = .integer(minor)
        }
        json["mode"] = .string(entry.octalMode)
        json["uid"] = .integer(entry.user.id)
        json["gid"] = .integer(entry.group.id)
        if !entry.user.name.isEmpty { json["user"] = .string(entry.user.name) }
        if !entry.group.name.isEmpty { json["group"] = .string(entry.group.name) }
        json["modified"] = .string(entry.modifiedText)
        if !entry.extendedAttributes.isEmpty {
            json["xattrs"] = .object(JSON.Object())
            for attribute in entry.extendedAttributes.sorted(by: { $0.name < $1.name }) {
                json["xattrs"]?[attribute.name] = .string(Base64.text(of: attribute.value))
            }
        }
        json["layer"] = layer.map(JSON.integer)
        return json
    }
}

extension TarEntry {
    /// As `chmod` takes it.
    package var octalMode: String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }

    /// In UTC; seconds since 1970 where no calendar reaches.
    package var modifiedText: String { modified.rfc3339 ?? "@\(modified.seconds)" }

    /// Type and permissions as `ls -l` shows them.
    package var modeText: String {
        let types: Character =
            switch kind {
            case .regular: "-"
            case .directory: "d"
            case .symlink: "l"
            case .hardlink: "h"
            case .characterDevice: "c"
            case .blockDevice: "b"
            case .fifo: "p"
            }
        var text = Array("rwxrwxrwx")
        for bit in 0..<9 where mode & (0o400 >> Int64(bit)) == 0 { text[bit] = "-" }
        for (bit, position, letter) in [(0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")]
            as [(Int64, Int, Character)]
        where mode & bit != 0 {
            text[position] = text[position] == "x" ? letter : Character(letter.uppercased())
        }
        return String([types] + text)
    }
}

extension TarEntry.Kind {
    /// For scripts and people.
    package var typeName: String {
        switch self {
        case .regular: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        case .hardlink: "hardlink"
        case .characterDevice: "character-device"
        case .blockDevice: "block-device"
        case .fifo: "fifo"
        }
    }

    package var symlinkTarget: String? {
        if case .symlink(let target) = self { target } else { nil }
    }

    package var deviceNumbers: (major: Int64, minor: Int64)? {
        switch self {
        case .characterDevice(let major, let minor), .blockDevice(let major, let minor): (major, minor)
        default: nil
        }
    }
}
