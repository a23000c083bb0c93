import Content
import Glibc
import Synchronization
import SystemPackage

/// A token server for `docker-registry`: signs what it is asked for, if it knows who asks.
package final class TokenIssuer: Sendable {
    /// A token request that was answered.
    package struct Grant: Sendable, Hashable {
        /// `GET` or `POST`.
        package let method: String
        /// `nil` for anonymous ones.
        package let user: String?
        package let scopes: [String]
    }

    private struct State {
        var grants: [Grant] = []
        var isStingy: Bool
        var identityTokens: Set<String> = ["identity-0"]
    }

    private let directory: FilePath
    private let user: (name: String, password: String)
    private let fingerprint: String
    private let state: Mutex<State>
    private let server = Mutex<ScriptedHTTP?>(nil)
    private let origin: String

    /// - Parameters:
    ///   - directory: for the key, its certificate and what is to be signed.
    ///   - user: whom tokens are given to, by password, or with an identity token, of which the first is `identity-0`.
    ///   - isStingy: the first token is good for nothing, whatever was asked for.
    /// - Throws: when `openssl` is missing.
    package init(
        in directory: FilePath, user: (name: String, password: String), isStingy: Bool = false
    ) throws {
        self.directory = directory
        self.user = user
        state = Mutex(State(isStingy: isStingy))
        let key = directory.appending("token.key").string
        try Self.openssl(
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens", "-keyout", key,
                "-out", directory.appending("token.crt").string,
            ], directory.appending("openssl.log"))
        let publicKey = directory.appending("token.der")
        try Self.openssl(["rsa", "-in", key, "-pubout", "-outform", "DER"], publicKey)
        fingerprint = Self.fingerprint(of: try FileSlice(opening: publicKey).bytes())
        let box = Weak()
        let server = try ScriptedHTTP([], otherwise: { box.issuer.withLock { $0.value }?.answer($0) })
        origin = server.origin
        self.server.withLock { $0 = server }
        box.issuer.withLock { $0.value = self }
    }

    package func stop() {
        server.withLock { $0?.stop() }
    }

    /// All requests that were answered with a token.
    package var grants: [Grant] { state.withLock { $0.grants } }

    /// The member `token` of `auth` in a registry's configuration.
    var configuration: String {
        """
        {realm: "\(origin)/token", service: "the registry", issuer: "the issuer", \
        rootcertbundle: \(directory.appending("token.crt"))}
        """
    }

    private func answer(_ request: ScriptedHTTP.Request) -> Exchange? {
        let parts = request.line.split(separator: "?", maxSplits: 1)
        let isForm = parts[0] == "POST /token"
        guard isForm || parts[0] == "GET /token" else { return nil }
        let fields = Self.fields(isForm ? String(decoding: request.body, as: UTF8.self) : parts.dropFirst().joined())
        let scopes = fields.filter { $0.name == "scope" }.flatMap { $0.value.split(separator: " ").map(String.init) }
        guard fields.contains(where: { $0 == ("service", "the registry") }) else {
            return Exchange(request.line, 400, body: Array(#"{"error":"invalid_request"}"#.utf8))
        }
        var replacement = ""
        var name: String? = user.name
        if isForm {
            guard let token = fields.first(where: { $0.name == "refresh_token" })?.value,
                let next = state.withLock({ state -> String? in
                    // Each is good once.
                    guard state.identityTokens.remove(token) != nil else { return nil }
                    let next = "identity-\(state.grants.count + 1)"
                    state.identityTokens.insert(next)
                    return next
                })
            else { return Exchange(request.line, 400, body: Array(#"{"error":"invalid_grant"}"#.utf8)) }
            replacement = #","refresh_token":"\#(next)""#
        } else if let authorization = request["authorization"] {
            guard authorization == "Basic " + Base64.text(of: Array("\(user.name):\(user.password)".utf8)) else {
                return Exchange(request.line, 401, body: Array(#"{"details":"incorrect username or password"}"#.utf8))
            }
        } else {
            name = nil
        }
        let isUseless = state.withLock { state in
            defer { state.isStingy = false }
            state.grants.append(Grant(method: isForm ? "POST" : "GET", user: name, scopes: scopes))
            return state.isStingy || name == nil
        }
        guard let token = try? sign(isUseless ? [] : scopes) else { return Exchange(request.line, 500) }
        let member = isForm ? "access_token" : "token"
        return Exchange(
            request.line, 200, body: Array(#"{"\#(member)":"\#(token)","expires_in":300\#(replacement)}"#.utf8))
    }

    /// A JSON Web Token (RFC 7519) by RS256 that grants scopes.
    private func sign(_ scopes: [String]) throws -> String {
        let access = scopes.map { scope in
            let parts = scope.split(separator: ":", omittingEmptySubsequences: false)
            let actions = (parts.last ?? "").split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
            return
                #"{"type":"\#(parts[0])","name":"\#(parts.dropFirst().dropLast().joined(separator: ":"))","actions":["#
                + actions + "]}"
        }
        let now = time(nil)
        let header = #"{"typ":"JWT","alg":"RS256","kid":"\#(fingerprint)"}"#
        let claims = """
            {"iss":"the issuer","sub":"\(user.name)","aud":"the registry","exp":\(now + 300),"nbf":\(now - 10),\
            "iat":\(now),"jti":"\(now)","access":[\(access.joined(separator: ","))]}
            """
        let text = "\(Self.base64URL(Array(header.utf8))).\(Self.base64URL(Array(claims.utf8)))"
        let (unsigned, signature) = (directory.appending("unsigned"), directory.appending("signature"))
        try write(Array(text.utf8), to: unsigned)
        try Self.openssl(
            ["dgst", "-sha256", "-sign", directory.appending("token.key").string, unsigned.string], signature)
        return "\(text).\(Self.base64URL(try FileSlice(opening: signature).bytes()))"
    }

    /// The name that libtrust has for a key: Base32 (RFC 4648) of 240 bits of a digest, in groups of four.
    private static func fingerprint(of publicKey: [UInt8]) -> String {
        let hex = Digest(of: publicKey).hex.prefix(60)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = hex.flatMap { digit in (0..<4).reversed().map { (digit.hexDigitValue ?? 0) >> $0 & 1 } }
        let text = stride(from: 0, to: bits.count, by: 5).map { start in
            alphabet[bits[start..<start + 5].reduce(0) { $0 << 1 | $1 }]
        }
        return stride(from: 0, to: text.count, by: 4).map { String(text[$0..<$0 + 4]) }.joined(separator: ":")
    }

    private static func base64URL(_ bytes: [UInt8]) -> String {
        Base64.text(of: bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Fields of a query or form (the URL standard, "application/x-www-form-urlencoded parsing").
    private static func fields(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { field in
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(decode)
            return (parts[0], parts.count > 1 ? parts[1] : "")
        }
    }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "%", let byte = UInt8(rest.prefix(2), radix: 16) {
                bytes.append(byte)
                rest = rest.dropFirst(2)
            } else {
                bytes += Array((character == "+" ? " " : String(character)).utf8)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func openssl(_ arguments: [String], _ output: FilePath) throws {
        try LocalRegistry.run(["/usr/bin/openssl"] + arguments, output: output)
    }
}

/// Lets the server's closure find an issuer that is made after it.
private final class Weak: Sendable {
    struct Reference {
        weak var value: TokenIssuer?
    }

    let issuer = Mutex(Reference())
}
