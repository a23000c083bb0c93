import Content

import Synchronization

/// What registries want people to know (OCI distribution specification, "Warnings"), told once each.
final class RegistryRemarks: Sendable {
    /// Beyond this many different ones a registry is not serious.
    private static let limit = 20

    private let told = Mutex<Set<String>>([])
    private let warn: @Sendable (String) -> Void

    init(warn: @escaping @Sendable (String) -> Void) {
        self.warn = warn
    }

    /// Tells of the warnings in an answer, unless they have been told before.
    func note(_ response: HTTPResponse) {
        for value in response.headers.all("Warning") {
            guard let text = Self.text(of: value), !text.isEmpty else { continue }
            let line = "\(response.url.hostAndPort): \(text)"
            if told.withLock({ $0.count < Self.limit && $0.insert(line).inserted }) { warn(line) }
        }
    }

    /// The text of `299 - "text"`; `nil` for warnings of other kinds, which caches give.
    static func text(of value: String) -> String? {
        let start = #"299 - ""#
        guard value.hasPrefix(start) else { return nil }
        var text = ""
        var isEscaped = false
        for character in value.dropFirst(start.count).prefix(1000) {
            if !isEscaped, character == "\"" { break }
            isEscaped = !isEscaped && character == "\\"
            if !isEscaped { text.append(character) }
        }
        return text.printable
    }
}
