extension StringProtocol {
    /// Text of others as one line without control characters and without what turns the direction of writing, so that
    /// it cannot steer a terminal or forge a message.
    package var printable: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.isPrintable ? $0 : "\u{fffd}" }))
    }

    /// A name of others for a message: what is longer than 200 characters is cut.
    package var brief: String {
        let limit = 200
        let start = unicodeScalars.prefix(limit)
        return start.endIndex == endIndex ? String(self) : String(String.UnicodeScalarView(start)) + "…"
    }

    /// Text of others on one line, so that nothing of it is lost: what `printable` replaces, and backslashes, are written
    /// as escapes.
    package var escaped: String {
        var text = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.isPrintable: text.unicodeScalars.append(scalar)
            default: text += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

extension String {
    /// Without white space and line ends at both sides.
    package var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace || character.isNewline }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
