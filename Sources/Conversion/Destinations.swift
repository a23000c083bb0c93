import Content
import OCI
import Synchronization
import Transports

/// A place to write to, with the name that people know it by.
package struct Destination: Sendable {
    package let location: ImageLocation
    package let place: any ImageDestination

    package init(_ location: ImageLocation, _ place: any ImageDestination) {
        self.location = location
        self.place = place
    }

    /// The registry; `nil` for places that share nothing with each other.
    var registry: String? {
        if case .registry(let reference) = location { reference.registry } else { nil }
    }
}

/// All destinations of a conversion. One that fails is left out from then on; the others are still served.
final class Destinations: Sendable {
    private let all: [Destination]
    private let failures: Mutex<[Int: any Error]> = Mutex([:])

    init(_ all: [Destination]) {
        self.all = all
    }

    /// How it went at each destination.
    var deliveries: [ConversionReport.Delivery] {
        let failures = failures.withLock { $0 }
        return all.enumerated().map { position, destination in
            ConversionReport.Delivery(location: destination.location, failure: failures[position])
        }
    }

    /// The positions of the destinations that still need a blob.
    ///
    /// - Throws: the first failure, once no destination works any more.
    func lacking(_ descriptor: Descriptor, mountingFrom source: (any ImageSource)? = nil) async throws -> Set<Int> {
        try await positions { try await !$0.contains(descriptor, mountingFrom: source) }
    }

    /// Whether some destination may lack the manifest, or something that it leads to.
    ///
    /// - Throws: the first failure, once no destination works any more.
    func mayLackPart(of manifest: Descriptor) async throws -> Bool {
        try await !positions { try await !$0.containsAll(of: manifest) }.isEmpty
    }

    /// Gives up destinations where publishing would replace another image.
    ///
    /// - Parameter isSame: whether what is there already may be the image to be published.
    /// - Throws: the first failure, once no destination works any more.
    func refuseOccupied(unless isSame: @escaping @Sendable (Occupant) -> Bool) async throws {
        try await forEach { _, place in
            for occupant in try await place.occupants() where !isSame(occupant) {
                throw DestinationFailure.occupied(occupant)
            }
        }
    }

    /// Writes a blob to the destinations at `positions`; of those in one registry to the first, from which the others
    /// take it over.
    func put(
        _ blob: any ByteSource, as descriptor: Descriptor, at positions: Set<Int>,
        progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        // Progress is that of the first destination; the others move the same bytes at the same time.
        let first = positions.min()
        var leaders: [String: Int] = [:]
        for position in positions.sorted() {
            if let registry = all[position].registry, leaders[registry] == nil { leaders[registry] = position }
        }
        let followers = positions.filter { all[$0].registry != nil && !leaders.values.contains($0) }
        try await forEach { position, place in
            guard positions.contains(position), !followers.contains(position) else { return }
            try await place.put(blob, as: descriptor) { if position == first { progress($0) } }
        }
        guard !followers.isEmpty else { return }
        try await forEach { [leaders] position, place in
            guard followers.contains(position) else { return }
            let leader = self.all[position].registry.flatMap { leaders[$0] }
            let source = leader.flatMap { self.all[$0].place as? any ImageSource }
            if try await !place.contains(descriptor, mountingFrom: source) {
                try await place.put(blob, as: descriptor) { _ in }
            }
        }
    }

    private func positions(
        where isWanted: @escaping @Sendable (any ImageDestination) async throws -> Bool
    ) async throws -> Set<Int> {
        let wanted = Mutex<Set<Int>>([])
        try await forEach { position, place in
            if try await isWanted(place) { wanted.withLock { _ = $0.insert(position) } }
        }
        return wanted.withLock { $0 }
    }

    /// Runs `body` for each destination that still works, at the same time.
    ///
    /// - Throws: the first failure, once no destination works any more.
    func forEach(_ body: @escaping @Sendable (Int, any ImageDestination) async throws -> Void) async throws {
        let failed = failures.withLock { Set($0.keys) }
        await withTaskGroup(of: Void.self) { group in
            for (position, destination) in all.enumerated() where !failed.contains(position) {
                group.addTask {
                    do {
                        try await context(destination.location.description) {
                            try await body(position, destination.place)
                        }
                    } catch {
                        self.failures.withLock { $0[position] = $0[position] ?? error }
                    }
                }
            }
        }
        try Task.checkCancellation()
        let first = failures.withLock { $0.count == all.count ? $0.min { $0.key < $1.key }?.value : nil }
        if let first { throw first }
    }
}

/// A destination is not as the user wants it.
enum DestinationFailure: Failure {
    case occupied(Occupant)

    var kind: FailureKind { .limit }

    var description: String {
        switch self {
        case .occupied(let occupant):
            "refusing to replace '\(occupant.name)'" + (occupant.digest.map { ", which is \($0)" } ?? "")
                + "; choose another name, or leave out --no-clobber"
        }
    }
}
