import Content

/// An eStargz layer taken to pieces, by the rules of the format and none of the program's own code but its JSON.
package struct EStargzBlob: Sendable {
    package let members: [GzipMember]
    /// The whole tar.
    package let tar: [UInt8]
    package let tocOffset: Int
    /// The table of contents as it stands there.
    package let tocText: [UInt8]
    /// Its entries.
    package let entries: [JSON]

    package init(_ blob: [UInt8]) throws {
        members = try GzipMember.all(of: blob)
        tar = members.flatMap(\.bytes)
        guard let footer = members.last, footer.bytes.isEmpty, blob.count - footer.offset == 51,
            footer.extra.count == 26, footer.extra.starts(with: "SG".utf8),
            footer.extra.suffix(6).elementsEqual("STARGZ".utf8),
            let offset = Int(String(decoding: footer.extra[4..<20], as: UTF8.self), radix: 16)
        else { throw BadBlob("there is no footer") }
        tocOffset = offset
        guard members.count >= 2, members[members.count - 2].offset == offset else {
            throw BadBlob("the footer does not lead to the last member but one")
        }
        let toc = members[members.count - 2].bytes
        let size = toc[124..<135].reduce(0) { $0 * 8 + Int($1) - 0x30 }
        tocText = Array(toc[512..<512 + size])
        let rest = toc[(512 + size)...]
        guard toc.starts(with: "stargz.index.json\u{0}".utf8), rest.count == 1024 + (512 - size % 512) % 512,
            rest.allSatisfy({ $0 == 0 })
        else { throw BadBlob("the member of the TOC holds something else") }
        let document = try JSON(parsing: tocText)
        guard document["version"]?.integer == 1, let entries = document["entries"]?.array else {
            throw BadBlob("the TOC has no entries")
        }
        self.entries = entries
    }

    package var tocDigest: Digest { Digest(of: tocText) }
    package var diffID: Digest { Digest(of: tar) }

    /// Names in the order of the table, chunks left out.
    package var names: [String] {
        entries.filter { $0["type"]?.string != "chunk" }.compactMap { $0["name"]?.string }
    }

    /// The entry of a name as written, and its chunks.
    package func entries(named name: String) -> [JSON] {
        entries.filter { $0["name"]?.string?.isSameText(as: name) == true }
    }

    package func entry(_ name: String) -> JSON? { entries(named: name).first }

    /// What a lazy mount shows, landmarks left out. Each chunk is read from the member that the table names.
    package func tree() throws -> FileTree {
        var tree = FileTree()
        var fileOf: [String: String] = [:]
        var position = 0
        while position < entries.count {
            let entry = entries[position]
            position += 1
            var chunks = [entry]
            while position < entries.count, entries[position]["type"]?.string == "chunk" {
                chunks.append(entries[position])
                position += 1
            }
            guard let name = entry["name"]?.string, let type = entry["type"]?.string else {
                throw BadBlob("an entry has no name")
            }
            let path = FileTree.clean(name)
            if FileTree.specialNames.contains(path) { continue }
            guard fileOf[path] == nil else { throw BadBlob("\(path) occurs twice") }
            if type == "hardlink" {
                guard let target = fileOf[FileTree.clean(entry["linkName"]?.string ?? "")] else {
                    throw BadBlob("the target of \(path) does not come before it")
                }
                fileOf[path] = target
            } else {
                fileOf[path] = path
                tree.nodes[path] = try node(of: entry, type: type, chunks: chunks)
            }
        }
        for (path, file) in fileOf {
            tree.nodes[path] = tree.nodes[file]
            tree.nodes[path]?.names = fileOf.filter { $0.value == file }.keys.sorted()
        }
        return tree
    }

    private func node(of entry: JSON, type: String, chunks: [JSON]) throws -> FileTree.Node {
        let target = entry["linkName"]?.string ?? ""
        let device = (entry["devMajor"]?.integer ?? 0, entry["devMinor"]?.integer ?? 0)
        let kind: FileTree.Kind =
            switch type {
            case "reg": .file(try content(of: entry, chunks))
            case "dir": .directory
            case "symlink": .symlink(target)
            case "char": .characterDevice(device.0, device.1)
            case "block": .blockDevice(device.0, device.1)
            case "fifo": .fifo
            default: throw BadBlob("unknown type \(type)")
            }
        if type != "reg", entry["offset"] != nil || entry["size"] != nil || chunks.count > 1 {
            throw BadBlob("a \(type) has data")
        }
        var node = FileTree.Node(kind: kind)
        node.mode = entry["mode"]?.integer ?? 0
        node.userID = entry["uid"]?.integer ?? 0
        node.groupID = entry["gid"]?.integer ?? 0
        if let time = entry["modtime"]?.string { node.modified = try Self.seconds(time) }
        for member in entry["xattrs"]?.object?.members ?? [] {
            node.attributes[member.key] = try Self.base64(member.value.string ?? "?")
        }
        return node
    }

    private func content(of entry: JSON, _ chunks: [JSON]) throws -> [UInt8] {
        let size = Int(entry["size"]?.integer ?? 0)
        var content: [UInt8] = []
        if size == 0 {
            guard chunks.count == 1, entry["offset"] == nil, entry["chunkDigest"] == nil else {
                throw BadBlob("an empty file has data")
            }
        } else {
            for (position, chunk) in chunks.enumerated() {
                let start = Int(chunk["chunkOffset"]?.integer ?? 0)
                let end = position + 1 < chunks.count ? Int(chunks[position + 1]["chunkOffset"]?.integer ?? 0) : size
                guard start == content.count, end > start, let offset = chunk["offset"]?.integer,
                    let member = members.first(where: { $0.offset == offset }), member.bytes.count >= end - start
                else { throw BadBlob("a chunk of \(entry["name"]?.string ?? "?") is not where the table says") }
                if let claimed = chunk["chunkSize"]?.integer, claimed != end - start {
                    throw BadBlob("a chunk of \(claimed) bytes has \(end - start)")
                }
                let bytes = Array(member.bytes[..<(end - start)])
                guard chunk["chunkDigest"]?.string == Digest(of: bytes).description else {
                    throw BadBlob("a chunk has the wrong digest")
                }
                content += bytes
            }
        }
        guard entry["digest"]?.string == Digest(of: content).description, content.count == size else {
            throw BadBlob("\(entry["name"]?.string ?? "?") has the wrong digest")
        }
        return content
    }

    /// RFC 3339 in UTC with whole seconds, and nothing else.
    private static func seconds(_ text: String) throws -> Int64 {
        let numbers = text.split { "-T:Z".contains($0) }.compactMap { Int64($0) }
        guard text.utf8.count == 20, text.hasSuffix("Z"), numbers.count == 6, numbers[0] >= 1 else {
            throw BadBlob("'\(text)' is no time")
        }
        func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        let year = numbers[0] - 1
        var days = year * 365 + year / 4 - year / 100 + year / 400 - 719_162
        let months: [Int64] = [31, isLeap(numbers[0]) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        days += months.prefix(Int(numbers[1]) - 1).reduce(0, +) + numbers[2] - 1
        return ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5]
    }

    private static func base64(_ text: String) throws -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var (bytes, bits, count): ([UInt8], UInt32, Int) = ([], 0, 0)
        guard text.utf8.count % 4 == 0 else { throw BadBlob("'\(text)' is no Base64") }
        for digit in text.utf8 where digit != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: digit) else { throw BadBlob("'\(text)' is no Base64") }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}

package struct BadBlob: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
