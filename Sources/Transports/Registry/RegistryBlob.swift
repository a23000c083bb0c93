import Content
import OCI
import Synchronization

/// A blob that stays in its registry, and is read by HTTP Range (RFC 9110, section 14).
final class RegistryBlob: RandomAccess {
    let count: Int64
    private let client: RegistryClient
    private let url: HTTPURL
    /// Where the registry has sent us: a storage service, which need not be looked up for each part.
    private let place = Mutex<HTTPURL?>(nil)

    /// - Throws: when the name of the repository makes no URL.
    init(_ descriptor: Descriptor, of client: RegistryClient) throws {
        count = descriptor.size
        self.client = client
        url = try client.url(of: descriptor)
    }

    /// - Throws: `RegistryAnswerFailure.noRanges` when the registry knows no ranges; nothing is fetched then.
    func bytes(in range: Range<Int64>) async throws -> [UInt8] {
        guard !range.isEmpty else { return [] }
        return try await client.retry.run {
            if let known = place.withLock({ $0 }) {
                do {
                    return try await bytes(in: range, from: known)
                } catch let failure as RegistryFailure where !failure.isTransient {
                    // Such places are good for some minutes only.
                    place.withLock { $0 = nil }
                }
            }
            return try await bytes(in: range, from: url)
        }
    }

    private func bytes(in range: Range<Int64>, from url: HTTPURL) async throws -> [UInt8] {
        let sink = RangeSink(range, of: count)
        var request = HTTPRequest(.get, url, receiver: .sink(sink))
        request.headers["Range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        // What is compressed once more on its way has other offsets.
        request.headers["Accept-Encoding"] = "identity"
        let response = try await client.exchange(
            request, for: .pull(client.reference.repository), expecting: [200, 206])
        let bytes = sink.bytes
        guard bytes.count == range.count else {
            throw HTTPFailure.transfer(
                .broken, .get, response.url,
                message: "expected \(range.count) bytes, but the answer ended after \(bytes.count)")
        }
        if !response.url.hasSameOrigin(as: client.base) { place.withLock { $0 = response.url } }
        return bytes
    }
}

extension RegistryClient {
    package func open(_ descriptor: Descriptor) async throws -> any RandomAccess {
        try RegistryBlob(descriptor, of: self)
    }

    package func probe(_ descriptor: Descriptor) async throws -> [ProbeReport.Finding] {
        var ranges = RangeProbe(self, descriptor, content: nil, regionLimit: 100)
        try await ranges.run()
        return ranges.findings
    }
}

/// Takes the part that was asked for, and nothing else.
private final class RangeSink: HTTPBodySink {
    private let range: Range<Int64>
    private let total: Int64
    private let received = Mutex<[UInt8]>([])

    init(_ range: Range<Int64>, of total: Int64) {
        self.range = range
        self.total = total
    }

    var bytes: [UInt8] { received.withLock { $0 } }

    func begin(_ response: HTTPResponse) throws {
        received.withLock { $0.removeAll() }
        if response.status == 206 {
            let found = response.headers["Content-Range"] ?? ""
            let wanted = "bytes \(range.lowerBound)-\(range.upperBound - 1)/"
            guard found == "\(wanted)\(total)" || found == "\(wanted)*" else {
                throw RegistryAnswerFailure.wrongRange(response.url, found)
            }
        } else {
            guard range == 0..<total else { throw RegistryAnswerFailure.noRanges(response.url, response.status) }
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try received.withLock { received in
            guard bytes.count <= range.count - received.count else {
                throw RegistryAnswerFailure.rangeTooLong(expected: range.count)
            }
            received.append(contentsOf: bytes)
        }
    }

    func end() {}
}
