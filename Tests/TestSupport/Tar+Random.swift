extension Tar {
    /// An archive of everything that the dialect can hold, with names that collide: the same for the same seed.
    ///
    /// Hard links lead to files that have been there, some of which are replaced later.
    package static func random(seed: UInt64, _ dialect: Dialect, prefix: String = "", end: End = .proper) -> Tar {
        var garden = Garden(seed: seed, dialect: dialect)
        return Tar(dialect, prefix: prefix, end: end, items: garden.grow(6 + Int(seed % 20)))
    }
}

private struct Garden {
    private var numbers: SeededGenerator
    private let dialect: Tar.Dialect
    /// What has been made so far: whether a path leads to a directory.
    private var isDirectory: [String: Bool] = [:]
    private var files: [String] = []

    init(seed: UInt64, dialect: Tar.Dialect) {
        numbers = SeededGenerator(seed)
        self.dialect = dialect
    }

    mutating func grow(_ count: Int) -> [TarItem] {
        var items: [TarItem] = []
        while items.count < count {
            if chance(20), dialect != .v7 { items.append(globalRecords([("comment", "path=nowhere")])) }
            guard let item = entry() else { continue }
            items.append(decorated(item))
        }
        return items
    }

    private mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &numbers) == 0 }

    private mutating func pick<Element>(_ choices: [Element]) -> Element? { choices.randomElement(using: &numbers) }

    /// A path of one to three parts, none of which is known to be something else than a directory.
    private mutating func path() -> String? {
        let parts = (0...Int.random(in: 0...2, using: &numbers)).compactMap { _ in
            pick(["a", "b", "c", "lib", "naïve", "with space", ".wh.gone", "q\"&<>\\"])
        }
        var path = ""
        for part in parts.dropLast() {
            path += path.isEmpty ? part : "/" + part
            if isDirectory[path] == false { return nil }
        }
        path += (path.isEmpty ? "" : "/") + (parts.last ?? "x")
        if chance(10), dialect == .gnu || dialect == .pax { path += String(repeating: "-long", count: 50) }
        return path
    }

    private mutating func entry() -> TarItem? {
        guard let path = path() else { return nil }
        let choice = Int.random(in: 0..<12, using: &numbers)
        if choice < 3 {
            note(path, isDirectory: true)
            return directory(path)
        }
        if choice == 3, let target = pick(files), target != path, !target.hasPrefix(path + "/") {
            note(path, isDirectory: false)
            return hardlink(path, to: target)
        }
        note(path, isDirectory: false)
        switch choice {
        case 4: return symlink(path, to: "../\(path)")
        case 5 where dialect != .v7: return characterDevice(path, 5, Int64.random(in: 0...255, using: &numbers))
        case 6 where dialect == .gnu || dialect == .pax:
            files.append(path)
            let forms: [TarItem.SparseForm] = dialect == .gnu ? [.gnu] : [.pax00, .pax01, .pax10]
            let form = pick(forms) ?? .gnu
            return sparse(form, path, size: 3000, [(700, "in the middle"), (2000, String(repeating: "x", count: 600))])
        default:
            files.append(path)
            let count = pick([0, 1, 6, 7, 8, 14, 511, 512, 513, 1500]) ?? 0
            return file(path, chance(3) ? numbers.bytes(count) : [UInt8](repeating: 0x61, count: count))
        }
    }

    /// Takes note of a path, and forgets what goes with what it replaces.
    private mutating func note(_ path: String, isDirectory new: Bool) {
        files.removeAll { $0 == path || (!new && $0.hasPrefix(path + "/")) }
        if !new { isDirectory = isDirectory.filter { !$0.key.hasPrefix(path + "/") } }
        isDirectory[path] = new
        var parent = Substring(path)
        while let slash = parent.lastIndex(of: "/") {
            parent = parent[..<slash]
            isDirectory[String(parent)] = true
        }
    }

    private mutating func decorated(_ item: TarItem) -> TarItem {
        // A name behind a link has the attributes of the file.
        if item.kind == .hardlink { return item }
        var result = item.mode(pick([0, 0o644, 0o755, 0o4755, 0o2750, 0o1777]) ?? 0)
            .owner(pick([0, 1000, 65534, 2_097_151]) ?? 0, pick([0, 5, 1000]) ?? 0)
            .modified(pick([0, 1, 1_600_000_000, 8_589_934_591]) ?? 0)
        if dialect != .v7 { result = result.named(pick(["", "root", "user"]) ?? "", pick(["", "staff"]) ?? "") }
        if dialect == .gnu || dialect == .pax, chance(4) {
            result = result.owner(4_000_000_000, 3_000_000).modified(pick([-5, -86_400, 99_999_999_999]) ?? 0)
        }
        if dialect == .pax {
            if chance(3) { result = result.modified(1_600_000_000, fraction: pick(["4", "5", "999999999"]) ?? "5") }
            if chance(3) { result = result.attribute("user.test", numbers.bytes(5)).attribute("user.empty", []) }
            if chance(5) { result = result.record("VENDOR.note", "kept") }
        }
        return result
    }
}
