import Content
import Glibc
import OCI
import SystemPackage

/// What a registry or a layout holds, asked with nothing of the program's own: one HTTP/1.0 request for each connection.
package struct PlainRegistry: Sendable {
    package let port: Int
    /// The value of the header field; `nil` to stay anonymous.
    package let authorization: String?

    package init(port: Int, authorization: String? = nil) {
        self.port = port
        self.authorization = authorization
    }

    /// Sends a request to the registry and reads the whole answer.
    ///
    /// HTTP/1.0 keeps the answer in one piece. Blocks; only for threads.
    package func send(
        _ method: String, _ target: String, _ fields: [(name: String, value: String)] = [], body: [UInt8] = []
    ) throws -> (head: PlainHead, body: [UInt8]) {
        let connection = try PlainConnection(to: port)
        defer { connection.close() }
        var head = PlainHead("\(method) \(target) HTTP/1.0", fields)
        if head["Host"] == nil { head["Host"] = "127.0.0.1:\(port)" }
        if head["Authorization"] == nil, let authorization { head["Authorization"] = authorization }
        head["Content-Length"] = ["GET", "HEAD"].contains(method) && body.isEmpty ? nil : "\(body.count)"
        // Whoever does not want all of the body may have answered already.
        connection.send(head.bytes + body)
        guard let answer = connection.head() else { throw PlainFailure("\(method) \(target): no answer") }
        let rest = method == "HEAD" ? [] : answer.length.map(connection.body) ?? connection.rest()
        if method != "HEAD", let length = answer.length, length != rest.count {
            throw PlainFailure("\(method) \(target): \(rest.count) bytes instead of \(length)")
        }
        return (answer, rest)
    }

    /// The digest that a tag stands for; `nil` when there is no such tag.
    package func digest(of tag: String, in repository: String) throws -> String? {
        let (head, body) = try get("/v2/\(repository)/manifests/\(tag)")
        if head.status == 404 { return nil }
        guard head.status == 200 else { throw PlainFailure("\(repository):\(tag): status \(head.status)") }
        return Digest(of: body).description
    }

    /// An image in one of the repositories.
    package func image(in repository: String) -> StoredImage {
        StoredImage { digest, isManifest in
            let target = "/v2/\(repository)/\(isManifest ? "manifests" : "blobs")/\(digest)"
            let (head, body) = try get(target)
            guard head.status == 200 else { throw PlainFailure("\(target): status \(head.status)") }
            return body
        }
    }

    private func get(_ target: String) throws -> (head: PlainHead, body: [UInt8]) {
        let types = MediaType.manifests.map { (name: "Accept", value: $0.text) }
        return try send("GET", target, types)
    }

    /// Uploads all blobs and manifests below a descriptor, and names it.
    package func push(_ image: StoredImage, _ digest: String, to repository: String, tag: String) throws {
        for part in try image.parts(below: digest) {
            let bytes = try image.read(part.digest, part.isManifest)
            if let type = part.manifestType {
                for name in part.digest == digest ? [tag] : [part.digest] {
                    let answer = try send(
                        "PUT", "/v2/\(repository)/manifests/\(name)", [("Content-Type", type)], body: bytes)
                    guard answer.head.status == 201 else {
                        throw PlainFailure("PUT \(repository):\(name): \(answer.head.status)")
                    }
                }
            } else {
                let session = try send("POST", "/v2/\(repository)/blobs/uploads/").head
                guard let location = session["Location"], let path = location.firstRange(of: "/v2/") else {
                    throw PlainFailure("POST: \(session.line)")
                }
                let target = location[path.lowerBound...] + "&digest=\(part.digest)"
                let answer = try send("PUT", String(target), body: bytes)
                guard answer.head.status == 201 else { throw PlainFailure("PUT \(part.digest): \(answer.head.status)") }
            }
        }
    }

    /// Names an image of one repository in another: its blobs are mounted, its manifests put again.
    package func mount(
        _ image: StoredImage, _ digest: String, from source: String, to repository: String, tag: String
    ) throws {
        for part in try image.parts(below: digest) {
            let answer: PlainHead
            if let type = part.manifestType {
                let name = part.digest == digest ? tag : part.digest
                answer =
                    try send(
                        "PUT", "/v2/\(repository)/manifests/\(name)", [("Content-Type", type)],
                        body: try image.read(part.digest, true)
                    ).head
            } else {
                answer =
                    try send("POST", "/v2/\(repository)/blobs/uploads/?mount=\(part.digest)&from=\(source)").head
            }
            guard answer.status == 201 else { throw PlainFailure("\(part.digest): \(answer.line)") }
        }
    }
}
