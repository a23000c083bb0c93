/// The first line of a script, which names its interpreter (execve(2)).
struct ScriptLine {
    /// The interpreter, and the rest of the line as one argument.
    let words: [String]

    /// `nil` when the file does not begin with `#!` and a name.
    init?(_ head: [UInt8]) {
        guard head.starts(with: "#!".utf8) else { return nil }
        // Linux looks at 256 bytes.
        let line = head.prefix(256).dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
        let words = line.split(maxSplits: 1) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let interpreter = words.first else { return nil }
        let argument = words.dropFirst().first.map {
            String(decoding: $0, as: UTF8.self).trimming { $0 == " " || $0 == "\t" || $0 == "\r" }
        }
        self.words =
            [String(decoding: interpreter, as: UTF8.self).trimming { $0 == "\r" }]
            + [argument].compactMap { $0 }.filter { !$0.isEmpty }
    }
}

extension StringProtocol {
    /// Without characters of a kind at both ends.
    func trimming(_ isDropped: (Character) -> Bool) -> String {
        // Forward only: characters can be long, and to walk back over one takes a look at all that stands before it.
        guard let first = firstIndex(where: { !isDropped($0) }) else { return "" }
        var end = first
        for place in indices[first...] where !isDropped(self[place]) { end = place }
        return String(self[first...end])
    }
}
