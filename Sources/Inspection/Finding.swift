import Content
import EStargz
import OCI
import Transports

/// What an image promises beyond the format of its layers.
package enum ImagePromise: String, Sendable, CaseIterable {
    /// Each layer says what readers need to know of it, and nothing else.
    case annotations
    /// Media types say what the bytes are.
    case mediaType = "media-type"
    /// Manifest and configuration fit each other.
    case manifest
    /// The index names what is there, and attestations speak of its manifests.
    case index
    /// The registry answers range requests.
    case range
    /// Consumers can bear it in time.
    case limits
    /// The content is that of another image.
    case source
}

/// A broken promise of an image, and where.
package struct Finding: Hashable, Sendable {
    /// Of `LayerPromise` or `ImagePromise`.
    package let promise: String
    package let platform: Platform?
    /// Counted from 1 at the bottom.
    package let layer: Int?
    package let entry: String?
    /// In bytes of the blob.
    package let offset: Int64?
    package let text: String

    init(_ promise: ImagePromise, platform: Platform? = nil, layer: Int? = nil, entry: String? = nil, _ text: String) {
        self.promise = promise.rawValue
        self.platform = platform
        self.layer = layer
        self.entry = entry
        offset = nil
        self.text = text
    }

    init(_ finding: LayerFinding, platform: Platform?, layer: Int) {
        promise = finding.promise.rawValue
        self.platform = platform
        self.layer = layer
        entry = finding.entry
        offset = finding.offset
        text = finding.text
    }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["promise"] = .string(promise)
        json["platform"] = platform.map { .string($0.description) }
        json["layer"] = layer.map(JSON.integer)
        json["entry"] = entry.map(JSON.string)
        json["offset"] = offset.map(JSON.integer)
        json["text"] = .string(text)
        return json
    }
}

/// What was found of one layer.
package struct LayerVerdict: Sendable {
    package let number: Int
    package let descriptor: Descriptor
    package internal(set) var format: LayerFormat?
    /// Why a snapshotter would not mount it; `nil` when it would.
    package internal(set) var obstacle: String?
    package internal(set) var findings: [Finding] = []
    /// Findings beyond those that are listed.
    package internal(set) var omitted = 0

    /// What the snapshotter has to wait for, in bytes.
    struct Waiting {
        /// The end of the blob and its table of contents.
        let resolve: Int64
        let prefetch: Int64
    }

    /// `nil` when there is nothing that the snapshotter could read.
    var waiting: Waiting?
    /// Whether the place does not have the blob.
    var isMissing = false

    package var isLazy: Bool { obstacle == nil }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["number"] = .integer(number)
        json["digest"] = .string(descriptor.digest.description)
        json["format"] = format.map { .string($0.rawValue) }
        json["lazy"] = .bool(isLazy)
        json["reason"] = obstacle.map(JSON.string)
        return json
    }
}

/// What was found of one platform of an image.
package struct PlatformVerdict: Sendable {
    package let descriptor: Descriptor
    package let platform: Platform?
    package internal(set) var layers: [LayerVerdict] = []
    package internal(set) var findings: [Finding] = []
    /// Why nobody can pull it at all.
    package internal(set) var obstacle: String?

    package var isLazy: Bool { obstacle == nil && firstEager == nil }

    /// From this layer up containerd pulls everything (`core/unpack/unpacker.go`); `nil` when it pulls nothing.
    package var firstEager: LayerVerdict? { layers.first { !$0.isLazy } }

    package var allFindings: [Finding] { findings + layers.flatMap(\.findings) }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["platform"] = platform.map { .string($0.description) }
        json["digest"] = .string(descriptor.digest.description)
        json["lazy"] = .bool(isLazy)
        json["eagerFrom"] = firstEager.map { .integer($0.number) }
        json["reason"] = (obstacle ?? firstEager?.obstacle).map(JSON.string)
        json["layers"] = .array(layers.map(\.json))
        return json
    }
}

/// What was found of an image.
package struct ImageVerdict: Sendable {
    package let root: Descriptor
    package internal(set) var platforms: [PlatformVerdict] = []
    /// The platforms that were asked for.
    var selection: PlatformSelection
    /// Of the index.
    package internal(set) var findings: [Finding] = []

    /// Whether a manifest or an index could not be read.
    private(set) var isIncomplete = false
    private var visited: Set<Descriptor> = []
    /// Whether there is more than anybody would look at.
    private(set) var isCutOff = false

    init(root: Descriptor, platforms: [Platform]) {
        self.root = root
        selection = PlatformSelection(platforms)
    }

    package var isLazy: Bool { !isIncomplete && !platforms.isEmpty && platforms.allSatisfy(\.isLazy) }

    package var allFindings: [Finding] { findings + platforms.flatMap(\.allFindings) }

    package var omitted: Int { platforms.flatMap(\.layers).reduce(0) { $0 + $1.omitted } }

    /// Adds what another look has found.
    package mutating func add(_ findings: [Finding]) {
        self.findings += findings
    }

    /// Whether a manifest or an index is to be looked at; each is once.
    mutating func visit(_ descriptor: Descriptor) -> Bool {
        guard !isCutOff, !visited.contains(descriptor) else { return false }
        guard visited.count < manifestLimit else {
            isCutOff = true
            missing(Finding(.index, DocumentFailure.tooManyManifests(limit: manifestLimit).description))
            return false
        }
        visited.insert(descriptor)
        return true
    }

    /// Notes that something cannot be had, and why.
    mutating func missing(_ finding: Finding) {
        isIncomplete = true
        findings.append(finding)
    }

    package var isSound: Bool { allFindings.isEmpty }

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["digest"] = .string(root.digest.description)
        json["sound"] = .bool(isSound)
        json["lazy"] = .bool(isLazy)
        json["platforms"] = .array(platforms.map(\.json))
        json["findings"] = .array(allFindings.map(\.json))
        if omitted > 0 { json["omitted"] = .integer(omitted) }
        return json
    }
}
