/// A pattern of a shell, matched against text: `*`, `?` and `[…]`.
struct ShellPattern {
    private let pattern: [Character]

    /// Of characters compared; what scripts match is short.
    private static let workLimit = 1 << 20

    init(_ text: String) {
        pattern = Array(text)
    }

    /// Goes back to the last star alone, so that the time is bounded by the product of both lengths.
    func matches(_ text: some Collection<Character>) -> Bool {
        let text = Array(text)
        guard text.count * pattern.count <= Self.workLimit else { return false }
        var (place, position) = (0, 0)
        var retry: (place: Int, position: Int)?
        while position < text.count {
            if place < pattern.count, pattern[place] == "*" {
                place += 1
                retry = (place, position)
            } else if let next = end(ofElementAt: place, accepting: text[position]) {
                (place, position) = (next, position + 1)
            } else if let last = retry {
                retry = (last.place, last.position + 1)
                (place, position) = (last.place, last.position + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" }
    }

    /// The text without the shortest, or longest, start or end that matches.
    func removed(from text: String, atEnd: Bool, longest: Bool) -> String {
        let characters = Array(text)
        guard characters.count * characters.count * pattern.count <= Self.workLimit else { return text }
        let counts = Array(0...characters.count)
        for count in longest ? counts.reversed() : counts
        where matches(atEnd ? characters.suffix(count) : characters.prefix(count)) {
            return String(atEnd ? characters.dropLast(count) : characters.dropFirst(count))
        }
        return text
    }

    /// Where the next element begins, if the one at a place stands for a character.
    private func end(ofElementAt place: Int, accepting character: Character) -> Int? {
        guard place < pattern.count else { return nil }
        switch pattern[place] {
        case "?": return place + 1
        case "[":
            guard let end = pattern.dropFirst(place + 2).firstIndex(of: "]") else { break }
            var set = pattern[(place + 1)..<end]
            let isNegated = set.first == "!" || set.first == "^"
            if isNegated { set = set.dropFirst() }
            var isFound = false
            while let first = set.popFirst() {
                if set.first == "-", let last = set.dropFirst().first {
                    set = set.dropFirst(2)
                    isFound = isFound || first <= character && character <= last
                } else {
                    isFound = isFound || first == character
                }
            }
            return isFound != isNegated ? end + 1 : nil
        default: break
        }
        return pattern[place] == character ? place + 1 : nil
    }
}
