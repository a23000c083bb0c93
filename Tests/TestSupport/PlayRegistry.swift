import Content
import Synchronization

/// A registry in memory with one repository `app`, which a test can make behave badly.
package final class PlayRegistry: Sendable {
    private struct State {
        var blobs: [String: [UInt8]] = [:]
        var manifests: [String: (bytes: [UInt8], type: String)] = [:]
        var tags: [String: String] = [:]
        var uploads: [String: [UInt8]] = [:]
    }

    private let state = Mutex(State())
    private let server: ScriptedHTTP

    private let smallestChunk: Int?

    /// - Parameters:
    ///   - smallestChunk: what it says of the chunks of uploads.
    ///   - override: answers a request in place of the registry; `nil` to leave it to that.
    /// - Throws: when there is no port.
    package init(
        smallestChunk: Int? = nil,
        overriding override: @escaping @Sendable (ScriptedHTTP.Request) -> Exchange? = { _ in nil }
    ) throws {
        self.smallestChunk = smallestChunk
        let box = Box()
        server = try ScriptedHTTP([]) { request in
            override(request) ?? box.value.withLock { $0 }?.answer(request)
        }
        box.value.withLock { $0 = self }
    }

    /// Host and port, as references have it.
    package var name: String { "127.0.0.1:\(server.port)" }
    package var requests: [ScriptedHTTP.Request] { server.requests }

    package func stop() { server.stop() }

    /// What is there: `blobs/DIGEST`, `manifests/DIGEST` and `tags/NAME`, sorted.
    package var content: [String] {
        state.withLock { state in
            (state.blobs.keys.map { "blobs/\($0)" } + state.manifests.keys.map { "manifests/\($0)" }
                + state.tags.keys.map { "tags/\($0)" } + state.uploads.keys.map { "uploads/\($0)" }).sorted()
        }
    }

    /// Puts a blob there without an upload.
    package func add(_ blob: [UInt8]) {
        state.withLock { $0.blobs[Digest(of: blob).description] = blob }
    }

    package func add(manifest: String, type: String, tag: String) {
        let bytes = Array(manifest.utf8)
        state.withLock { state in
            state.manifests[Digest(of: bytes).description] = (bytes, type)
            state.tags[tag] = Digest(of: bytes).description
        }
    }

    private func answer(_ request: ScriptedHTTP.Request) -> Exchange? {
        let words = request.line.split(separator: " ").map(String.init)
        guard words.count == 2 else { return nil }
        let (method, target) = (words[0], words[1])
        return state.withLock { state in
            if target == "/v2/app/blobs/uploads/", method == "POST" {
                let name = "\(state.uploads.count)"
                state.uploads[name] = []
                var headers = ["Location": "/uploads/\(name)"]
                headers["OCI-Chunk-Min-Length"] = smallestChunk.map(String.init)
                return Exchange(request.line, 202, headers)
            }
            if let name = target.dropping("/uploads/") { return Self.upload(request, method, name, &state) }
            for prefix in ["/v2/app/blobs/", "/storage/"] {
                guard let digest = target.dropping(prefix) else { continue }
                if method == "DELETE" {
                    return Exchange(request.line, state.blobs.removeValue(forKey: digest) == nil ? 404 : 202)
                }
                guard let bytes = state.blobs[digest] else { return Exchange(request.line, 404) }
                return Self.serve(bytes, request)
            }
            if target.hasPrefix("/v2/app/tags/list") {
                let tags = state.tags.keys.sorted().map { "\"\($0)\"" }.joined(separator: ",")
                return Exchange(request.line, 200, body: Array("{\"tags\":[\(tags)]}".utf8))
            }
            if let name = target.dropping("/v2/app/manifests/") { return Self.manifest(request, method, name, &state) }
            return Exchange(request.line, 404)
        }
    }

    private static func upload(
        _ request: ScriptedHTTP.Request, _ method: String, _ name: String, _ state: inout State
    ) -> Exchange {
        let parts = name.replacing("%3A", with: ":").split(separator: "?digest=").map(String.init)
        guard let bytes = state.uploads[parts[0]].map({ $0 + request.body }) else { return Exchange(request.line, 404) }
        switch method {
        case "PATCH":
            state.uploads[parts[0]] = bytes
            return Exchange(request.line, 202, ["Location": "/uploads/\(name)", "Range": "0-\(bytes.count - 1)"])
        case "PUT":
            state.uploads[parts[0]] = nil
            guard Digest(of: bytes).description == parts.last else { return Exchange(request.line, 400) }
            state.blobs[parts[1]] = bytes
            return Exchange(request.line, 201)
        default:
            state.uploads[parts[0]] = nil
            return Exchange(request.line, 204)
        }
    }

    private static func manifest(
        _ request: ScriptedHTTP.Request, _ method: String, _ name: String, _ state: inout State
    ) -> Exchange {
        let digest = state.tags[name] ?? name
        switch method {
        case "PUT":
            let digest = Digest(of: request.body).description
            state.manifests[digest] = (request.body, request["content-type"] ?? "")
            if name != digest { state.tags[name] = digest }
            return Exchange(request.line, 201)
        case "DELETE":
            state.tags = state.tags.filter { $0.value != digest }
            return Exchange(request.line, state.manifests.removeValue(forKey: digest) == nil ? 404 : 202)
        default:
            guard let (bytes, type) = state.manifests[digest] else { return Exchange(request.line, 404) }
            return Exchange(request.line, 200, ["Content-Type": type], body: bytes)
        }
    }

    /// A blob, or the ranges that are asked for.
    package static func serve(_ bytes: [UInt8], _ request: ScriptedHTTP.Request) -> Exchange {
        let type = ["Content-Type": "application/octet-stream"]
        let ranges = (request["range"]?.dropping("bytes=") ?? "").split(separator: ",").map { range in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            return ends[0]..<ends[1] + 1
        }
        guard let first = ranges.first else { return Exchange(request.line, 200, type, body: bytes) }
        func span(_ range: Range<Int>) -> String { "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)" }
        if ranges.count == 1 {
            return Exchange(
                request.line, 206, type.merging(["Content-Range": span(first)]) { $1 }, body: Array(bytes[first]))
        }
        var body: [UInt8] = []
        for range in ranges {
            body += "--cut\r\nContent-Type: application/octet-stream\r\nContent-Range: \(span(range))\r\n\r\n".utf8
            body += bytes[range] + Array("\r\n".utf8)
        }
        return Exchange(
            request.line, 206, ["Content-Type": "multipart/byteranges; boundary=cut"], body: body + "--cut--\r\n".utf8)
    }
}

/// Lets a closure know of what is made after it.
private final class Box: Sendable {
    let value = Mutex<PlayRegistry?>(nil)
}

extension String {
    package func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
