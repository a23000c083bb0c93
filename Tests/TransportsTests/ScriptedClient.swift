import Content
import OCI
import Synchronization
import SystemPackage
import TestSupport

@testable import Transports

/// A client for a repository `app` on a scripted server; it notes how long it would have waited.
struct ScriptedClient {
    let registry: RegistryClient
    private let waited = Mutexed<[Duration]>([])

    init(
        _ server: ScriptedHTTP, _ name: String = "app:1", additionalTags: [String] = [],
        credentials: Credentials? = nil, in directory: FilePath = "/tmp"
    ) throws {
        var retry = RetryPolicy()
        retry.random = { 1 }
        retry.sleep = { [waited] delay in waited.value.withLock { $0.append(delay) } }
        registry = RegistryClient(
            try ImageReference(parsing: "127.0.0.1:\(server.port)/\(name)"), additionalTags: additionalTags,
            at: try HTTPURL(parsing: server.origin),
            over: CurlClient(insecure: false), credentials: credentials, temporaryDirectory: directory, retry: retry)
    }

    var delays: [Duration] { waited.value.withLock { $0 } }

    /// Reads a blob to its end.
    func bytes(of descriptor: Descriptor) async throws -> [UInt8] {
        try await registry.withBlob(descriptor) { _ in
        } _: { blob in
            try await onThread { try blob.allBytes(descriptor.size) }
        }
    }

    /// Uploads bytes, and returns the progress that was reported.
    func put(_ bytes: [UInt8]) async throws -> Int {
        let sent = Mutexed(0)
        try await withTemporaryDirectory { directory in
            try write(bytes, to: directory.appending("blob"))
            try await registry.put(
                try FileSlice(opening: directory.appending("blob")), as: blob(bytes),
                progress: { count in sent.value.withLock { $0 += count } })
        }
        return sent.value.withLock { $0 }
    }
}

/// A `Mutex` that closures can share.
final class Mutexed<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }
}

func blob(_ bytes: [UInt8]) -> Descriptor {
    Descriptor(mediaType: .ociLayerGzip, digest: Digest(of: bytes), size: Int64(bytes.count))
}

extension RegistryClient {
    /// One with credentials of its own.
    convenience init(
        _ reference: ImageReference, additionalTags: [String] = [], at base: HTTPURL, path: String = "/v2/",
        over http: any HTTPExchanging, credentials: Credentials?, temporaryDirectory: FilePath,
        retry: RetryPolicy = RetryPolicy()
    ) {
        let authenticator = Authenticator(for: base, credentials: credentials, over: http, retry: retry)
        self.init(
            reference, additionalTags: additionalTags, at: base, path: path, over: http,
            authenticator: { authenticator }, temporaryDirectory: temporaryDirectory, retry: retry)
    }
}
