import Archive
import Content
import EStargz
import OCI
import Synchronization
import Transports

/// Verifies one layer of an image after the other.
struct LayerChecks: Sendable {
    /// What the snapshotter fetches to find the table of contents.
    private static let tailSize: Int64 = 50_000

    let request: VerificationRequest
    let source: any ImageSource
    let tables: ExternalTables
    let platform: Platform?

    func run(_ descriptor: Descriptor, _ diffID: Digest, number: Int) async throws -> LayerVerdict {
        var verdict = LayerVerdict(number: number, descriptor: descriptor)
        guard descriptor.mediaType.layerKind == .tar else {
            let text =
                descriptor.mediaType.layerKind == .foreign
                ? "foreign layers are fetched from elsewhere"
                : "\(descriptor.mediaType.text.prefix(200).printable) is no type of a layer that runtimes unpack"
            verdict.obstacle = text
            verdict.findings.append(finding(.mediaType, number, text))
            return verdict
        }
        checkAnnotations(&verdict)
        let reader = try await open(&verdict)
        if let reader {
            verdict.format = reader.format
            checkType(reader.format.isZstd ? .zstd : .gzip, &verdict)
            checkLimits(reader, &verdict)
            checkFormat(reader, &verdict)
            checkStatedTable(reader, &verdict)
            try await checkPlace(&verdict)
        }
        defer {
            // What two looks have found is one thing.
            var seen: Set<Finding> = []
            verdict.findings = verdict.findings.filter { seen.insert($0).inserted }
        }
        // What could not be found a moment ago need not be looked for once more.
        if verdict.isMissing { return verdict }
        if request.isQuick {
            if let reader { add(reader.table.checked(), to: &verdict) }
        } else {
            let identity = LayerIdentity(digest: descriptor.digest, size: descriptor.size, diffID: diffID)
            try await readAll(identity, reader, &verdict)
        }
        return verdict
    }

    private func finding(_ promise: ImagePromise, _ number: Int, _ text: String) -> Finding {
        Finding(promise, platform: platform, layer: number, text)
    }

    private func add(_ findings: LayerFindings, to verdict: inout LayerVerdict) {
        verdict.findings += findings.all.map { Finding($0, platform: platform, layer: verdict.number) }
        verdict.omitted += findings.omitted
    }

    private func checkAnnotations(_ verdict: inout LayerVerdict) {
        let descriptor = verdict.descriptor
        let number = verdict.number
        if descriptor.annotation(Annotation.tocDigest) != nil, descriptor.annotation(Annotation.zstdTOCDigest) != nil {
            verdict.findings.append(
                finding(
                    .annotations, number,
                    "both \(Annotation.tocDigest) and \(Annotation.zstdTOCDigest) are there, and containers/storage refuses "
                        + "such an image"))
        }
        if let text = descriptor.annotation(Annotation.uncompressedSize), Int64(text).map({ $0 < 0 }) ?? true {
            verdict.findings.append(
                finding(
                    .annotations, number,
                    "\(Annotation.uncompressedSize) is '\(text.prefix(50).printable)', expected a number"))
        }
        // They become labels of the snapshot, which containerd then does not make (`labels/validate.go`).
        for annotation in descriptor.json["annotations"]?.object?.members ?? []
        where annotation.key.hasPrefix("containerd.io/snapshot/") {
            let size = annotation.key.utf8.count + (annotation.value.string?.utf8.count ?? 0)
            guard size > 4096 else { continue }
            let text =
                "\(annotation.key.prefix(100).printable) has \(size) bytes with its value; containerd takes at most 4096"
            verdict.obstacle = verdict.obstacle ?? text
            verdict.findings.append(finding(.annotations, number, text))
        }
        if descriptor.mediaType.isDocker, descriptor.annotation(Annotation.tocDigest) != nil {
            verdict.findings.append(
                finding(
                    .mediaType, number,
                    "\(descriptor.mediaType) is Docker's, and tools that copy such a layer drop its annotations"))
        }
    }

    /// - Returns: `nil` when the layer is not lazy, of which the verdict then tells.
    private func open(_ verdict: inout LayerVerdict) async throws -> LayerReader? {
        do {
            guard let trust = try verdict.descriptor.tocTrust else { throw NoTableFailure.noAnnotation }
            let digest = verdict.descriptor.digest
            let blob = try await source.open(verdict.descriptor)
            return try await LayerReader(blob, trusting: trust) { try await tables.table(of: digest) }
        } catch let failure as any Failure where failure.isOfTheImage || failure.isAboutRanges {
            verdict.obstacle = failure.description
            verdict.isMissing = failure.kind == .notFound
            verdict.findings.append(tell(failure, of: verdict.number))
            return nil
        }
    }

    /// We read some places that the snapshotter cannot read.
    private func checkPlace(_ verdict: inout LayerVerdict) async throws {
        for found in try await source.probe(verdict.descriptor) where found.outcome == .fails {
            let text = "\(found.check.rawValue): \(found.detail)"
            verdict.findings.append(finding(.range, verdict.number, text))
            // Without several ranges at once layers are mounted, and reads may fail.
            if found.check != .ranges { verdict.obstacle = verdict.obstacle ?? text }
        }
    }

    /// The promise that is broken when a layer cannot be opened.
    private func tell(_ failure: any Failure, of number: Int) -> Finding {
        if failure.isAboutRanges { return finding(.range, number, failure.description) }
        if failure.kind == .notFound { return finding(.manifest, number, failure.description) }
        let promise: LayerPromise
        switch (failure as? ContextualFailure)?.cause ?? failure {
        case NoTableFailure.noAnnotation:
            return finding(
                .annotations, number,
                "there is no \(Annotation.tocDigest): the layer was not converted, or a tool has dropped its annotations"
            )
        case is DigestFailure: return finding(.annotations, number, failure.description)
        case LayerReadFailure.noFooter, LayerReadFailure.tocOutside, LayerReadFailure.noTOCMember,
            LayerReadFailure.noTOCEntry:
            promise = .footer
        case LayerReadFailure.wrongTOCDigest: promise = .tocDigest
        case LayerReadFailure.tocTooLarge, LayerReadFailure.tooManyEntries, LayerReadFailure.tooManyAttributes,
            LayerReadFailure.pathsTooDeep:
            return finding(.limits, number, failure.description)
        case is LayoutFailure: promise = .blobSize
        default: promise = .toc
        }
        return Finding(LayerFinding(promise, failure.description), platform: platform, layer: number)
    }

    /// What is well-formed, but nothing that the snapshotter mounts.
    private func checkFormat(_ reader: LayerReader, _ verdict: inout LayerVerdict) {
        if reader.format == .containersZstdChunked {
            verdict.obstacle = "it is zstd:chunked of containers/storage, which the stargz snapshotter cannot read"
            verdict.findings.append(finding(.annotations, verdict.number, verdict.obstacle ?? ""))
        } else if let refusal = reader.table.refusal {
            verdict.obstacle = refusal
        } else if reader.table.lacksChunkDigests {
            verdict.obstacle = NoTableFailure.noDigests.description
            if reader.format == .stargz {
                verdict.findings.append(
                    Finding(
                        LayerFinding(.chunkDigest, NoTableFailure.noDigests.description), platform: platform,
                        layer: verdict.number))
            }
        }
    }

    /// What else the footer and the annotations say of the table of zstd:chunked, which other readers go by.
    private func checkStatedTable(_ reader: LayerReader, _ verdict: inout LayerVerdict) {
        guard case .frame(let range, let inflated)? = reader.footer?.toc else { return }
        let number = verdict.number
        if inflated != reader.tocTextSize {
            verdict.findings.append(
                Finding(
                    LayerFinding(
                        .footer,
                        "the footer says that the table of contents inflates to \(inflated) bytes, not "
                            + "\(reader.tocTextSize)"),
                    platform: platform, layer: number))
        }
        let descriptor = verdict.descriptor
        for key in [Annotation.zstdTOCPosition, Annotation.olderZstdTOCPosition] {
            guard let text = descriptor.annotation(key) else { continue }
            let position = LayerReader.ZstdPosition(text)
            guard position?.range != range || position?.inflated != reader.tocTextSize else { continue }
            let expected = "\(range.lowerBound):\(range.count):\(reader.tocTextSize):1"
            verdict.findings.append(
                finding(.annotations, number, "\(key) is '\(text.prefix(100).printable)', expected \(expected)"))
        }
        let digest = Digest(of: reader.compressedTOC).description
        for key in [Annotation.zstdTOCDigest, Annotation.olderZstdTOCDigest] {
            guard let text = descriptor.annotation(key), text != digest else { continue }
            verdict.findings.append(
                finding(.annotations, number, "\(key) is '\(text.prefix(100).printable)', expected \(digest)"))
        }
    }

    private func checkType(_ compression: Compression, _ verdict: inout LayerVerdict) {
        let text = verdict.descriptor.mediaType.text
        let claimed: Compression =
            text.hasSuffix("gzip") ? .gzip : text.hasSuffix("zstd") ? .zstd : .none
        if claimed != compression {
            verdict.findings.append(
                finding(.mediaType, verdict.number, "\(text.printable) says \(claimed), but the blob is \(compression)")
            )
        }
    }

    private func checkLimits(_ reader: LayerReader, _ verdict: inout LayerVerdict) {
        let size = max(reader.tocSize, reader.tocTextSize)
        if size > TableOfContents.compressedLimit {
            verdict.findings.append(
                finding(
                    .limits, verdict.number,
                    "the table of contents has \(size) bytes; containers/storage reads at most "
                        + "\(TableOfContents.compressedLimit)"))
        }
        let waiting = LayerVerdict.Waiting(
            resolve: reader.tocSize + Self.tailSize, prefetch: verdict.descriptor.prefetchEnd(reader.table))
        verdict.waiting = waiting
        if let seconds = waiting.resolveSeconds(at: request.bandwidth) {
            let text = "the table of contents takes \(seconds), and the snapshotter gives up after 30 s"
            verdict.obstacle = verdict.obstacle ?? text
            verdict.findings.append(finding(.limits, verdict.number, text))
        }
        if let seconds = waiting.prefetchSeconds(at: request.bandwidth) {
            verdict.findings.append(
                finding(
                    .limits, verdict.number,
                    "what is prefetched takes \(seconds), and a container waits for at most 10 s"))
        }
    }

    /// The snapshotter opens all layers at the same time, and they share the line.
    ///
    /// - Parameter layers: all that were looked at.
    /// - Returns: what none of them exceeds alone.
    func checkTogether(_ layers: [LayerVerdict]) -> [Finding] {
        let each = layers.compactMap(\.waiting)
        let all = LayerVerdict.Waiting(
            resolve: each.reduce(0) { $0.addingSaturated($1.resolve) },
            prefetch: each.reduce(0) { $0.addingSaturated($1.prefetch) })
        let rate = request.bandwidth
        var texts: [String] = []
        if let seconds = all.resolveSeconds(at: rate), each.allSatisfy({ $0.resolveSeconds(at: rate) == nil }) {
            texts.append(
                "the tables of contents together take \(seconds), and the snapshotter gives up after 30 s")
        }
        if let seconds = all.prefetchSeconds(at: rate), each.allSatisfy({ $0.prefetchSeconds(at: rate) == nil }) {
            texts.append("what is prefetched takes \(seconds) together, and a container waits for at most 10 s")
        }
        return texts.map { Finding(.limits, platform: platform, $0) }
    }
}

extension LayerVerdict.Waiting {
    /// What the snapshotter waits for a layer to be resolved (`fs/fs.go`); `nil` when it is done by then.
    fileprivate func resolveSeconds(at bandwidth: Int64) -> String? { Self.text(resolve, bandwidth, limit: 30) }

    /// What a container waits for what is prefetched (`fs/layer/layer.go`); `nil` when that is there by then.
    fileprivate func prefetchSeconds(at bandwidth: Int64) -> String? { Self.text(prefetch, bandwidth, limit: 10) }

    private static func text(_ bytes: Int64, _ bandwidth: Int64, limit: Int64) -> String? {
        guard bytes / limit > bandwidth || bytes / limit == bandwidth && bytes % limit > 0 else { return nil }
        return "\(bytes / bandwidth) s at \(bandwidth) bytes a second"
    }
}

extension LayerChecks {
    /// Pulls the blob and compares it with everything.
    private func readAll(
        _ identity: LayerIdentity, _ reader: LayerReader?, _ verdict: inout LayerVerdict
    ) async throws {
        let options = request.options
        let last = Mutex<LayerVerification?>(nil)
        do {
            let result = try await source.withBlob(verdict.descriptor, progress: { _ in }) { blob in
                try await onCancellableThread { cancellation in
                    let blob = InterruptibleSource(source: blob, cancellation: cancellation)
                    guard let reader else {
                        // All that a layer without a table promises.
                        _ = try InflatedLayer(
                            blob, expecting: identity, limit: options.layerLimit, in: options.temporaryDirectory
                        ) { _ in }
                        return LayerVerification()
                    }
                    let verifier = LayerVerifier(
                        reader, expecting: identity, limit: options.layerLimit, in: options.temporaryDirectory)
                    let result = try verifier.verify(blob)
                    last.withLock { $0 = result }
                    // Damaged on its way, it is fetched once more.
                    if result.findings.all.contains(where: { $0.promise == .blobDigest }) {
                        throw DamagedBlob()
                    }
                    return result
                }
            }
            finish(result, &verdict)
        } catch let failure as any Failure where failure.isOfTheImage {
            if let result = last.withLock(\.self) { return finish(result, &verdict) }
            guard failure.kind != .notFound else {
                return verdict.findings.append(finding(.manifest, verdict.number, failure.description))
            }
            let promise: LayerPromise
            switch (failure as? ContextualFailure)?.cause ?? failure {
            case is DigestFailure: promise = .blobDigest
            case LayerIdentityFailure.size, is RegistryAnswerFailure, is LayoutFailure: promise = .blobSize
            case LayerIdentityFailure.diffID: promise = .diffID
            default: promise = .tar
            }
            verdict.findings.append(
                Finding(LayerFinding(promise, failure.description), platform: platform, layer: verdict.number))
        }
    }

    private func finish(_ result: LayerVerification, _ verdict: inout LayerVerdict) {
        add(result.findings, to: &verdict)
        guard let text = verdict.descriptor.annotation(Annotation.uncompressedSize), let stated = Int64(text),
            stated >= 0, let size = result.tarSize, stated != size
        else { return }
        verdict.findings.append(
            finding(
                .annotations, verdict.number,
                "\(Annotation.uncompressedSize) is \(stated), but the layer inflates to \(size) bytes"))
    }
}

/// The blob is another one than the manifest names.
private struct DamagedBlob: Failure {
    var kind: FailureKind { .invalid }
    var description: String { "the blob is another one than the manifest names" }
}
