import Content
import OCI
import Synchronization
import SystemPackage

/// A repository that can be read in several places: mirrors first, the registry itself last.
///
/// A place that lacks the image, or cannot be reached, is asked again only when all others fail.
package final class MirroredRegistry: ImageSource {
    struct Place {
        let endpoint: Endpoint
        let client: RegistryClient
    }

    private struct State {
        /// The place that said what the reference stands for, and what it said.
        var answer: (place: Int, digest: Digest)?
        /// Places that have disappointed.
        var failed: Set<Int> = []
    }

    private let places: [Place]
    private let temporaryDirectory: FilePath
    private let warn: @Sendable (String) -> Void
    /// Added to the error when the image is nowhere.
    private let remark: String?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - places: in the order in which they are asked; the last one's error counts.
    ///   - remark: added to the error when there is no such image.
    ///   - temporaryDirectory: where blobs are kept while they are read.
    ///   - warn: told of places that fail otherwise than by not having something.
    init(
        _ places: [Place], remark: String? = nil, temporaryDirectory: FilePath,
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.places = places
        self.remark = remark
        self.temporaryDirectory = temporaryDirectory
        self.warn = warn
    }

    /// The place that the image comes from, as far as that is known.
    var current: RegistryClient? {
        (state.withLock { $0.answer?.place }.map { places[$0] } ?? places.last)?.client
    }

    package func resolve() async throws -> Descriptor {
        let asked = places.indices.filter { position in
            let endpoint = places[position].endpoint
            return endpoint.reference.digest == nil ? endpoint.mayResolve : endpoint.mayPull
        }
        do {
            return try await first(of: asked, isResolving: true) { place, client in
                let root = try await client.resolve()
                state.withLock { $0.answer = (place, root.digest) }
                return root
            }
        } catch let failure as any Failure {
            // Docker Hub says that nobody may read what does not exist.
            guard let remark, failure.kind == .notFound || failure.kind == .denied else { throw failure }
            throw RemarkedFailure(kind: failure.kind, description: "\(failure); \(remark)")
        }
    }

    package func document(_ descriptor: Descriptor) async throws -> Document {
        let answer = state.withLock { $0.answer }
        // The place that resolved it has it at hand.
        if let answer, answer.digest == descriptor.digest {
            return try await places[answer.place].client.document(descriptor)
        }
        return try await first(of: pullOrder) { try await $1.document(descriptor) }
    }

    package func withBlob<Result: Sendable>(
        _ descriptor: Descriptor, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (any ByteSource) async throws -> Result
    ) async throws -> Result {
        let progress = FurthestProgress(progress)
        let retry = places.last?.client.retry ?? RetryPolicy()
        let served = Mutex<Int?>(nil)
        return try await withDownload(of: descriptor, in: temporaryDirectory, retry) { spool in
            // What came from there the last time was damaged.
            if let place = served.withLock(\.self) { self.state.withLock { _ = $0.failed.insert(place) } }
            try await self.first(of: self.pullOrder) { place, client in
                served.withLock { $0 = place }
                try await client.download(descriptor, to: spool, progress: progress.start())
            }
        } _: { blob in
            try await body(blob)
        }
    }

    package func open(_ descriptor: Descriptor) async throws -> any RandomAccess {
        MirroredBlob(
            count: descriptor.size, registry: self,
            parts: try places.map { try RegistryBlob(descriptor, of: $0.client) })
    }

    /// The snapshotter takes the first place of which it learns where the blob is, and how large.
    package func probe(_ descriptor: Descriptor) async throws -> [ProbeReport.Finding] {
        var findings: [ProbeReport.Finding] = []
        for position in pullOrder {
            do {
                findings = try await places[position].client.probe(descriptor)
            } catch let failure as any Failure where failure.isOfThePlace && !findings.isEmpty {
                continue
            }
            if !findings.contains(where: { ($0.check == .redirect || $0.check == .size) && $0.outcome == .fails }) {
                break
            }
        }
        return findings
    }

    /// A blob that any of the places may have; one that fails in the middle is replaced by the next.
    private struct MirroredBlob: RandomAccess {
        let count: Int64
        let registry: MirroredRegistry
        /// The blob in each of the places.
        let parts: [RegistryBlob]

        func bytes(in range: Range<Int64>) async throws -> [UInt8] {
            try await registry.first(of: registry.pullOrder) { place, _ in try await parts[place].bytes(in: range) }
        }
    }

    /// All places that content may be pulled from; those that have failed come last.
    private var pullOrder: [Int] {
        let failed = state.withLock { $0.failed }
        let usable = places.indices.filter { places[$0].endpoint.mayPull }
        return usable.filter { !failed.contains($0) } + usable.filter { failed.contains($0) }
    }

    /// Asks one place after the other, until one can answer.
    private func first<Result>(
        of positions: [Int], isResolving: Bool = false, _ body: (Int, RegistryClient) async throws -> Result
    ) async throws -> Result {
        var failures: [(place: Int, failure: any Failure)] = []
        for (turn, position) in positions.enumerated() {
            let isWithoutTLS = places[position].endpoint.isWithoutTLS
            if isWithoutTLS, let last = failures.last?.failure, !last.mayBeForLackOfTLS { continue }
            do {
                return try await body(position, places[position].client)
            } catch let failure as any Failure where failure.isOfThePlace {
                failures.append((position, failure))
                // A mirror may well lack some blobs of an image, and have the others.
                guard isResolving || failure.kind != .notFound else { continue }
                let isNew = state.withLock { $0.failed.insert(position).inserted }
                let next = positions.dropFirst(turn + 1).first.map { places[$0].endpoint }
                if isNew, failure.kind != .notFound, let next, !next.isWithoutTLS {
                    warn("\(failure); going on with \(next.origin.hostAndPort)")
                }
            }
        }
        guard let last = failures.popLast()?.failure else { throw PullFailure.noPlace(isResolving: isResolving) }
        guard !failures.isEmpty else { throw last }
        let others = failures.map { "\(places[$0.place].endpoint.origin.hostAndPort) (\($0.failure.kind.word))" }
        throw RemarkedFailure(
            kind: last.kind, description: "\(last); tried before: \(others.joined(separator: ", "))")
    }
}

/// A failure with something added to what it says.
private struct RemarkedFailure: Failure {
    let kind: FailureKind
    let description: String
}

extension Failure {
    /// Whether another place that has the same image may do better.
    fileprivate var isOfThePlace: Bool {
        switch kind {
        case .notFound, .denied, .unavailable, .invalid, .unsupported: true
        case .usage, .broken, .limit, .io: false
        }
    }

    /// No answer came, so it cannot be told whether TLS is spoken there.
    fileprivate var mayBeForLackOfTLS: Bool {
        if case .transfer? = (self as? ContextualFailure)?.cause as? HTTPFailure ?? self as? HTTPFailure {
            true
        } else {
            false
        }
    }
}

extension FailureKind {
    /// Why another place was no better, in a word.
    fileprivate var word: String {
        switch self {
        case .notFound: "not found"
        case .denied: "denied"
        case .unavailable: "unavailable"
        default: "unusable answer"
        }
    }
}
