import Content
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// The program on bad days: hundreds of seeded runs through a proxy that breaks what passes through it.
///
/// `ESGZ_CHAOS_SEED=17` runs one seed alone, `ESGZ_CHAOS_RUNS=50` the first fifty.
@Suite(.enabled(if: LocalRegistry.isExpected, "docker-registry is not installed"), .timeLimit(.minutes(15)))
struct ChaosTests {
    private static let width = 4
    /// Seeds that have found mistakes which the first five hundred do not find.
    private static let memorable: [UInt64] = [934, 1415, 1786]

    @Test func everyRunEndsWithAWholeImageOrWithAClearError() async throws {
        try await withTemporaryDirectory { directory in
            let images = try await ChaosImages(in: directory)
            try await withRegistries(in: directory, with: images) { open, guarded in
                let ground = ChaosGround(images: images, directory: directory, open: open, guarded: guarded)
                let start = ContinuousClock.now
                let outcomes = try await Self.run(Self.seeds, on: ground)
                for (seed, outcome) in outcomes.sorted(by: { $0.key < $1.key }) where !outcome.problems.isEmpty {
                    Issue.record(
                        """
                        seed \(seed): \(outcome.problems.joined(separator: "\n"))
                        again: ESGZ_CHAOS_SEED=\(seed) swift test --filter ChaosTests
                        """)
                }
                // That of all runs for temporary files.
                let left = try FileManager.default.contentsOfDirectory(atPath: directory.string)
                #expect(left.filter { $0.hasPrefix("esgz-") } == [])
                if outcomes.count > 500 {
                    #expect(outcomes.values.count { ["convert", "push"].contains($0.verb) } >= 500)
                    for fault in ChaosFault.allCases {
                        #expect(outcomes.values.contains { $0.injected[fault, default: 0] > 0 }, "\(fault)")
                    }
                }
                Self.summarise(Array(outcomes.values), in: start.duration(to: .now))
            }
        }
    }

    private static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["ESGZ_CHAOS_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        if let count = environment["ESGZ_CHAOS_RUNS"].flatMap({ UInt64($0) }) { return Array(1...max(count, 1)) }
        return Array(1...660) + memorable
    }

    /// Runs all seeds, a few at a time.
    private static func run(_ seeds: [UInt64], on ground: ChaosGround) async throws -> [UInt64: ChaosOutcome] {
        try await withThrowingTaskGroup(of: (UInt64, ChaosOutcome).self) { group in
            var outcomes: [UInt64: ChaosOutcome] = [:]
            for (position, seed) in seeds.enumerated() {
                if position >= width, let (seed, outcome) = try await group.next() { outcomes[seed] = outcome }
                group.addTask { (seed, try await ChaosRun(seed: seed, on: ground).outcome()) }
            }
            for try await (seed, outcome) in group { outcomes[seed] = outcome }
            return outcomes
        }
    }

    private static func summarise(_ outcomes: [ChaosOutcome], in time: Duration) {
        let injected = outcomes.reduce(into: [:]) { $0.merge($1.injected, uniquingKeysWith: +) }
        let good = outcomes.filter(\.problems.isEmpty)
        let survivors = good.filter { $0.status == 0 }
        let survived = survivors.flatMap(\.injected.values).reduce(0, +)
        print(
            """
            chaos: \(outcomes.count) runs, \(injected.values.reduce(0, +)) faults injected (\(ChaosFault.text(injected))), \
            \(survived) of them survived by \(survivors.count) runs, \(good.count - survivors.count) runs failed \
            cleanly, \(outcomes.count - good.count) otherwise; \(time.components.seconds) s
            """)
    }
}

/// Runs `body` with two registries that hold the images as `source:NAME`; the second demands the password.
private func withRegistries(
    in directory: FilePath, with images: ChaosImages,
    _ body: (_ open: PlainRegistry, _ guarded: PlainRegistry) async throws -> Void
) async throws {
    func start(_ name: String, user: (name: String, password: String)?) throws -> LocalRegistry {
        let own = directory.appending(name)
        try FileManager.default.createDirectory(atPath: own.string, withIntermediateDirectories: true)
        return try LocalRegistry(in: own, user: user, inMemory: true)
    }
    let open = try start("open", user: nil)
    defer { open.stop() }
    let guarded = try start("guarded", user: ChaosGround.user)
    defer { guarded.stop() }
    let registries = [(open, nil), (guarded, "Basic \(ChaosGround.token)")].map { registry, authorization in
        PlainRegistry(port: registry.port, authorization: authorization)
    }
    try await onThread {
        for registry in registries {
            for (name, digest) in images.digests {
                try registry.push(StoredImage(layout: images.layout), digest, to: "source", tag: name)
            }
        }
    }
    try await body(registries[0], registries[1])
}
