import Content

/// What `exports` or `imports` of a package says, put in order once for all names that are looked for in it.
struct PackageTargets {
    private struct Pattern {
        let start: Substring
        let end: Substring
        let value: JSON
    }

    /// By name; only `.` when the package has no others.
    private var exact: [String: JSON] = [:]
    private var patterns: [Pattern] = []

    private static let patternLimit = 1024
    private static let depthLimit = 20

    init(_ value: JSON) {
        let members = value.object?.members ?? []
        guard members.contains(where: { $0.key.hasPrefix(".") || $0.key.hasPrefix("#") }) else {
            exact["."] = value
            return
        }
        for member in members {
            exact[member.key] = member.value
            guard patterns.count < Self.patternLimit, let mark = member.key.firstIndex(of: "*") else { continue }
            patterns.append(
                Pattern(
                    start: member.key[..<mark], end: member.key[member.key.index(after: mark)...], value: member.value))
        }
    }

    /// The file that a name stands for; `nil` when none is said.
    ///
    /// - Parameters:
    ///   - key: with the dot or sign before it.
    ///   - isImport: whether it is asked for with `import`, not with `require`.
    ///   - files: what is looked at counts as lookups there.
    /// - Returns: as written in the package, its star replaced.
    func target(of key: String, isImport: Bool, in files: VisitedFiles) -> String? {
        func target(_ value: JSON, star: Substring, depth: Int) -> String? {
            guard depth < Self.depthLimit, files.spend(1) else { return nil }
            if let text = value.string {
                // No path is longer.
                return text.utf8.count <= 4096 ? text.replacing("*", with: star) : nil
            }
            if let list = value.array {
                return list.lazy.compactMap { target($0, star: star, depth: depth + 1) }.first
            }
            // The first condition that holds.
            let conditions: Set = ["node", "default", "node-addons", "module-sync", isImport ? "import" : "require"]
            let members = value.object?.members ?? []
            guard files.spend(members.count / 16) else { return nil }
            return members.lazy.filter { conditions.contains($0.key) }
                .compactMap { target($0.value, star: star, depth: depth + 1) }.first
        }
        if let value = exact[key] { return target(value, star: "", depth: 0) }
        guard files.spend(patterns.count / 8) else { return nil }
        for pattern in patterns {
            guard key.hasPrefix(pattern.start), key.hasSuffix(pattern.end),
                key.utf8.count > pattern.start.utf8.count + pattern.end.utf8.count
            else { continue }
            let star = key.dropFirst(pattern.start.count).dropLast(pattern.end.count)
            return target(pattern.value, star: star, depth: 0)
        }
        return nil
    }
}
