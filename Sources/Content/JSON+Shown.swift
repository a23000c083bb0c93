extension JSON {
    /// Compact text for the outputs of the program, in which nothing steers a terminal or turns the direction of
    /// writing: where `printable` would put a replacement, this has an escape, so that readers get the same value.
    ///
    /// Never for documents of images: their bytes are not ours to choose.
    package var shownText: String {
        let text = text
        // All that is to be escaped has a byte such as these.
        guard text.contains(where: { $0 >= 0x7f }) else { return String(decoding: text, as: UTF8.self) }
        var shown = ""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            if scalar.isPrintable {
                shown.unicodeScalars.append(scalar)
            } else {
                for unit in UTF16.encode(scalar) ?? .init() {
                    let digits = String(unit, radix: 16)
                    shown += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
        return shown
    }
}
