/// What a server demands before it answers: one entry of `WWW-Authenticate` (RFC 9110, section 11.6.1).
package struct Challenge: Hashable, Sendable {
    /// Lower-case, such as `bearer`.
    package let scheme: String
    /// Lower-case names; the first of several equal ones counts.
    package let parameters: [String: String]

    /// All challenges in the values of `WWW-Authenticate` fields.
    ///
    /// A value may hold several challenges, and commas stand between these as well as between parameters. What cannot
    /// be read ends the value; what came before it is kept.
    package static func parse(_ values: [String]) -> [Challenge] {
        values.flatMap { value in
            var scanner = ChallengeScanner(value)
            return scanner.challenges()
        }
    }
}

private struct ChallengeScanner {
    private var rest: Substring.UTF8View

    init(_ text: String) {
        rest = text[...].utf8
    }

    mutating func challenges() -> [Challenge] {
        var found: [Challenge] = []
        skipSeparators()
        while let scheme = token() {
            let parameters = parameters()
            found.append(Challenge(scheme: scheme.lowercased(), parameters: parameters))
            skipSeparators()
        }
        return found
    }

    /// `name=value` pairs up to the next challenge, which is a name that no equals sign follows.
    private mutating func parameters() -> [String: String] {
        var parameters: [String: String] = [:]
        while true {
            let start = rest
            skipSeparators()
            guard let name = token() else { return parameters }
            skipSpace()
            guard take(UInt8(ascii: "=")) else {
                rest = start
                return parameters
            }
            skipSpace()
            // Base64 credentials (`token68`) end in further equals signs and are no parameter.
            guard let value = quoted() ?? token() else {
                while take(UInt8(ascii: "=")) {}
                continue
            }
            if parameters[name.lowercased()] == nil { parameters[name.lowercased()] = value }
        }
    }

    private mutating func token() -> String? {
        let bytes = rest.prefix { byte in
            byte > 0x20 && byte < 0x7f && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
        }
        guard !bytes.isEmpty else { return nil }
        rest = rest[bytes.endIndex...]
        return String(Substring(bytes))
    }

    /// A string in quotes, with `\` before any byte that stands for itself. One that does not end is taken whole.
    private mutating func quoted() -> String? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        var text: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") {
                if let escaped = rest.popFirst() { text.append(escaped) }
            } else {
                text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    }

    private mutating func skipSeparators() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
    }
}
