import Archive
import Content

/// A pattern for paths: `*` and `?` within a part, `[…]`, a part `**` for any number of parts, and `\` before what is
/// meant as it stands.
///
/// Takes time in proportion to its length for each directory entry that it looks at, however many stars it has.
package struct PathPattern: Sendable {
    /// Of the text, in bytes; Linux takes no longer paths.
    static let lengthLimit = 4096

    private enum Part: Hashable, Sendable {
        /// Any number of parts, also none.
        case anyDepth
        case name([Element])
    }

    private enum Element: Hashable, Sendable {
        case byte(UInt8)
        /// Any one character.
        case any
        /// Any number of them, also none.
        case anyRun
        case oneOf([ClosedRange<UInt8>], isInverted: Bool)
    }

    private let parts: [Part]

    /// Whether a text is a pattern, not a plain path.
    package static func isPattern(_ text: some StringProtocol) -> Bool {
        text.utf8.contains { [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0) }
    }

    /// - Throws: `ProfileFailure` when the pattern is too long, or a bracket has no end.
    package init(_ text: String) throws {
        guard text.utf8.count <= Self.lengthLimit else { throw ProfileFailure.longPath(limit: Self.lengthLimit) }
        var parts: [Part] = []
        for part in text.utf8.split(separator: UInt8(ascii: "/")) where !part.elementsEqual(".".utf8) {
            guard part.elementsEqual("**".utf8) else {
                parts.append(.name(try Self.elements(of: Array(part), in: text)))
                continue
            }
            if parts.last != .anyDepth { parts.append(.anyDepth) }
        }
        self.parts = parts
    }

    private static func elements(of part: [UInt8], in text: String) throws -> [Element] {
        var elements: [Element] = []
        var rest = part[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"): if elements.last != .anyRun { elements.append(.anyRun) }
            case UInt8(ascii: "?"): elements.append(.any)
            case UInt8(ascii: "["): elements.append(try set(&rest, in: text))
            case UInt8(ascii: "\\"): elements.append(.byte(rest.popFirst() ?? byte))
            default: elements.append(.byte(byte))
            }
        }
        return elements
    }

    /// Reads what follows an opening bracket; a closing one that comes first is meant as it stands.
    private static func set(_ rest: inout ArraySlice<UInt8>, in text: String) throws -> Element {
        let isInverted = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isInverted { rest.removeFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "]"), !ranges.isEmpty { return .oneOf(ranges, isInverted: isInverted) }
            let lower = byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte
            var upper = lower
            if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
                rest.removeFirst(2)
                upper = end
            }
            ranges.append(min(lower, upper)...max(lower, upper))
        }
        throw ProfileFailure.openBracket(text)
    }

    /// All paths of a tree that match, in the order of their bytes; links on the way are not followed.
    package func matches(in tree: MergedTree) -> [EntryPath] {
        var found: [EntryPath] = []
        var waiting: [(path: EntryPath, states: [Int])] = [(.root, closure([0]))]
        while let (path, states) = waiting.popLast() {
            if !path.isRoot, states.contains(parts.count) { found.append(path) }
            guard states.contains(where: { $0 < parts.count }) else { continue }
            for child in tree.children(of: path) {
                let next = step(states, Array(child.path.name))
                if !next.isEmpty { waiting.append((child.path, next)) }
            }
        }
        return found.sorted()
    }

    /// How far the pattern may have come after one more name.
    private func step(_ states: [Int], _ name: [UInt8]) -> [Int] {
        var next: [Int] = []
        for state in states where state < parts.count {
            switch parts[state] {
            case .anyDepth: next.append(state)
            case .name(let elements): if Self.matches(elements, name) { next.append(state + 1) }
            }
        }
        return closure(next)
    }

    /// Adds what follows a part that may stand for nothing.
    private func closure(_ states: [Int]) -> [Int] {
        var all = Set(states)
        for state in states where state < parts.count && parts[state] == .anyDepth { all.insert(state + 1) }
        return all.sorted()
    }

    /// Goes back to the last run of any characters alone, which suffices: an earlier one could take no more.
    private static func matches(_ elements: [Element], _ name: [UInt8]) -> Bool {
        var (element, position) = (0, 0)
        var retry: (element: Int, position: Int)?
        while position < name.count {
            if element < elements.count, elements[element] == .anyRun {
                element += 1
                retry = (element, position)
            } else if element < elements.count, let count = length(of: elements[element], in: name[position...]) {
                element += 1
                position += count
            } else if let last = retry {
                retry = (last.element, last.position + 1)
                (element, position) = (last.element, last.position + 1)
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { $0 == .anyRun }
    }

    /// How many bytes an element takes; `nil` when it does not match.
    private static func length(of element: Element, in rest: ArraySlice<UInt8>) -> Int? {
        guard let first = rest.first else { return nil }
        switch element {
        case .byte(let byte): return byte == first ? 1 : nil
        case .any: return 1 + rest.dropFirst().prefix { $0 & 0xc0 == 0x80 }.count
        case .anyRun: return 0
        case .oneOf(let ranges, let isInverted): return ranges.contains { $0.contains(first) } != isInverted ? 1 : nil
        }
    }
}
