extension String {
    /// Whether Go's `mime.ParseMediaType` takes this for the value of `Content-Type`, by which it is read there.
    var isMediaType: Bool {
        var rest = Array(utf8)[...]
        let blank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        func token() -> ArraySlice<UInt8> {
            let found = rest.prefix { (0x21...0x7e).contains($0) && !#"()<>@,;:\"/[]?="#.utf8.contains($0) }
            rest = rest[found.endIndex...]
            return found
        }
        rest = rest.drop(while: blank)
        guard !token().isEmpty else { return false }
        if rest.first == UInt8(ascii: "/") {
            rest.removeFirst()
            guard !token().isEmpty else { return false }
        }
        while true {
            rest = rest.drop(while: blank)
            guard rest.first == UInt8(ascii: ";") else { return rest.isEmpty }
            rest = rest.dropFirst().drop(while: blank)
            // One semicolon too many is let pass.
            if rest.isEmpty { return true }
            guard !token().isEmpty, rest.first == UInt8(ascii: "=") else { return false }
            rest.removeFirst()
            guard rest.first == UInt8(ascii: "\"") else {
                guard !token().isEmpty else { return false }
                continue
            }
            rest.removeFirst()
            while let byte = rest.first, byte != UInt8(ascii: "\"") {
                rest.removeFirst(byte == UInt8(ascii: "\\") && rest.count > 1 ? 2 : 1)
            }
            guard !rest.isEmpty else { return false }
            rest.removeFirst()
        }
    }
}
