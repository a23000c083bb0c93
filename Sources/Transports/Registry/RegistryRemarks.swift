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

    /// Tells of the warnings in an answer, unless they have been told before, or repeat a secret: what the request had to prove, or one of the others.
    func note(_ response: HTTPResponse, to request: HTTPRequest, hiding others: [String] = []) {
        let secrets = request.secrets + request.proofs + others
        for value in response.headers.all("Warning") {
            guard let text = Self.text(of: value), !text.isEmpty, !secrets.occur(in: text)
            else { continue }
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

extension HTTPRequest {
    /// What the request had to prove who asks.
    fileprivate var proofs: [String] {
        guard let proof = headers["Authorization"]?.split(separator: " ").last.map(String.init) else { return [] }
        let login = Base64.bytes(of: proof).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let password = login.drop { $0 != ":" }.dropFirst()
        return [proof] + (password.isEmpty ? [] : [String(password)])
    }
}
