import Content
import Glibc
import Profiles
import Recording
import SystemPackage
import TestSupport
import Testing

/// How workloads end, and what is left then.
@Suite(.enabled(if: canRecord, "needs root, runc and gcc"))
struct WorkloadEndTests {
    @Test(arguments: [
        ("exit 3", "the workload failed with status 3 after "),
        ("raise 11", "the workload failed with status 139 (SIGSEGV) after "),
        ("print hello exit 1", "or take the profile all the same with --allow-failure"),
    ])
    func aWorkloadThatFailsIsAFailure(words: String, message: String) async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            // The first process of a container does not die of its own signals.
            let words = words.hasPrefix("raise") ? "execute /probe " + words : words
            let failure = await #expect(throws: (any Error).self) { try await image.record(words, in: place) }
            #expect("\(failure.map { "\($0)" } ?? "")".contains(message), "\(String(describing: failure))")
            #expect((failure as? any Failure)?.kind == .invalid)
            try expectNothingLeft(in: place)
        }
    }

    @Test func aFailureMayBeAllowed() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            let (profile, said) = try await image.record("open /a exit 3", in: place) { $0.allowsFailure = true }
            #expect(profile.paths == ["probe", "a"])
            #expect(said.contains { $0.hasPrefix("warning: the workload failed with status 3 after ") }, "\(said)")
        }
    }

    @Test(arguments: [
        (#""Cmd":["/nothing"]"#, "the workload did not start: runc: "),
        (#""Cmd":["/text"]"#, "the workload did not start: runc: "),
        (#""Cmd":[]"#, "the image does not say what to run; use --entrypoint or --args"),
        (
            #""Cmd":["/probe"],"User":"nobody"#,
            "/etc/passwd of the image has no user 'nobody'; name another with --user, or a number"
        ),
        (
            #""Cmd":["/probe"],"StopSignal":"SIGNONE"#,
            "the image's stop signal: expected a name or number of Linux, not 'SIGNONE'"
        ),
    ])
    func aWorkloadThatCannotStartSaysWhy(configuration: String, message: String) async throws {
        let quote = configuration.hasSuffix("]") ? "" : "\""
        let image = try await ProbeImage(configuration + quote) { file("text", "x") }
        try await withTemporaryDirectory { place in
            let failure = await #expect(throws: (any Error).self) {
                try await image.record("", in: place) { ($0.entrypoint, $0.arguments) = ([], []) }
            }
            #expect("\(failure.map { "\($0)" } ?? "")".hasPrefix(message), "\(String(describing: failure))")
            try expectNothingLeft(in: place)
        }
    }

    @Test func thePeriodEndsTheWorkloadAndAllThatItHasStarted() async throws {
        let image = try await ProbeImage {
            file("a", "x"); file("stopped", "x")
        }
        try await withTemporaryDirectory { place in
            // The children do not listen to anybody.
            let (profile, said) = try await image.record(
                "stop-on 15 open /a fork x fork x sleep 1000", in: place
            ) { $0.period = .seconds(1) }
            #expect(profile.paths == ["probe", "a", "stopped"])
            #expect(said.count == 2 && said[0].hasSuffix(", as --period says"), "\(said)")
            try expectNothingLeft(in: place)
        }
    }

    @Test func whoDoesNotListenIsKilled() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            let start = ContinuousClock.now
            let (profile, said) = try await image.record("open /a sleep 1000", in: place) {
                $0.period = .milliseconds(500)
            }
            #expect(profile.paths == ["probe", "a"])
            #expect(said.first?.contains("as --period says, by SIGKILL, since it went on for 5.0 s after") == true)
            #expect(ContinuousClock.now - start >= .seconds(5))
            try expectNothingLeft(in: place)
        }
    }

    /// Who is killed instead has no time to open anything.
    @Test(arguments: [("SIGINT", 2), ("10", 10), ("RTMIN+3", 37), ("WINCH", 28)])
    func theImageSaysHowItWantsToBeEnded(name: String, number: Int) async throws {
        let image = try await ProbeImage(#""StopSignal":"\#(name)""#) { file("stopped", "x") }
        try await withTemporaryDirectory { place in
            let profile = try await image.record("stop-on \(number) sleep 1000", in: place) {
                $0.period = .milliseconds(500)
            }.profile
            #expect(profile.paths == ["probe", "stopped"])
        }
    }

    @Test func aLineEndsTheWorkload() async throws {
        let image = try await ProbeImage {
            file("a", "x"); file("b", "x")
        }
        try await withTemporaryDirectory { place in
            let (profile, said) = try await image.record(
                "stop-on 15 print starting open /a print I-am-ready-now sleep 1000 open /b", in: place
            ) { $0.awaitedText = "ready" }
            #expect(profile.paths == ["probe", "a"])
            #expect(said.count == 1 && said[0].hasPrefix("recorded 2 files in "), "\(said)")
        }
    }

    /// Whoever writes it as the last thing has still written it.
    @Test func aLineThatComesWithTheEndHasCome() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            for _ in 0..<5 {
                let ended = try await image.record("open /a print ready", in: place) { $0.awaitedText = "ready" }
                #expect(ended.profile.paths == ["probe", "a"])
                #expect(ended.said.count == 1 && ended.said[0].hasPrefix("recorded 2 files in "), "\(ended.said)")
            }
        }
    }

    @Test func aLineThatDoesNotComeIsSaid() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            let ended = try await image.record("open /a", in: place) { $0.awaitedText = "ready" }
            #expect(ended.said.first == "warning: the workload ended before it wrote 'ready'")
            let stopped = try await image.record("stop-on 15 open /a sleep 1000", in: place) {
                ($0.awaitedText, $0.period) = ("ready", .milliseconds(500))
            }
            #expect(stopped.said.first?.hasSuffix("as --period says, and had not written 'ready'") == true)
        }
    }

    @Test func aWishEndsTheWorkloadAndKeepsTheRecord() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            let control = try RunControl()
            async let recording = image.record("stop-on 15 open /a sleep 1000", in: place, control: control) {
                $0.period = nil
            }
            try await Task.sleep(for: .seconds(2))
            #expect(control.finish())
            #expect(try await recording.profile.paths == ["probe", "a"])
            try expectNothingLeft(in: place)
        }
    }

    @Test(arguments: [0, 50, 150, 300, 600, 1500])
    func aCancelledRunLeavesNothing(milliseconds: Int) async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            let task = Task { try await image.record("open /a fork x sleep 1000", in: place) { $0.period = nil } }
            try await Task.sleep(for: .milliseconds(milliseconds))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try expectNothingLeft(in: place)
        }
    }

    @Test func whatAKilledRunLeftBehindIsRemovedAndWhatALiveOneUsesIsNot() async throws {
        let image = try await ProbeImage { file("a", "x") }
        try await withTemporaryDirectory { place in
            // As deep as no path can be.
            let deep = try await Command.run(
                "bash",
                [
                    "-c",
                    """
                    mkdir -p esgz-run-dead00/upper && cd esgz-run-dead00/upper
                    name=$(printf 'd%.0s' {1..200})
                    for ((i = 0; i < 50; i++)); do mkdir $name && cd -P $name; done 2>/dev/null; touch file; true
                    """,
                ], in: place)
            #expect(deep.status == 0, "\(deep)")
            mkdir(place.appending("esgz-run-live00").string, 0o755)
            let lock = try FileDescriptor.open(place.appending("esgz-run-live00"), .readOnly, options: .directory)
            #expect(flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0)
            _ = try await image.record("open /a", in: place)
            #expect(try names(below: place) == ["esgz-run-live00"])
            try lock.close()
        }
    }
}
