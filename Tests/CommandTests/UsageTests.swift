import OCI
import SystemPackage
import TestSupport
import Testing

/// Command lines that make no sense, and sources that are not there: exit statuses 2 and 3.
struct UsageTests {
    @Test(arguments: [
        "docker://u:PASSW0RD@127.0.0.1:1/r:t", "u:PASSW0RD@127.0.0.1:1/r", "u:PASSW0RD@HOST/r:t:u",
        "u:PASSW0RD@host.example/app@sha256:abc", "u:PASSW0RD@host.example",
    ])
    func whatIsTypedInFrontOfAHostIsNotShown(reference: String) async throws {
        try await withWorkplace { place, _ in
            for line in [["ls", reference], ["copy", reference, "oci:x"], ["copy", "oci:source:latest", reference]] {
                let result = try await place.esgz(line)
                #expect(result.status == 2 && !(result.errors + result.output).contains("PASSW0RD"), "\(result)")
            }
        }
    }

    @Test(arguments: [
        (["--compression-level", "13"], "expected 0 to 12, not 13"),
        (["--compression-level", "high"], "--compression-level"),
        (["--chunk-size", "1KiB"], "4KiB to 64MiB"),
        (["--chunk-size", "65MiB"], "4KiB to 64MiB"),
        (["--chunk-size", "four"], "--chunk-size"),
        (["--estargz-chunk-size", "1"], "4KiB to 64MiB"),
        (["--max-layer-size", "0"], "--max-layer-size"),
        (["--threads", "-1"], "--threads"),
        (["--threads", "1025"], "--threads"),
        (["--jobs", "0"], "--jobs"),
        (["--retry", "-1"], "--retry"),
        (["--retry-times", "101"], "expected 0 to 100, not 101"),
        (["--retry-delay", "soon"], "--retry-delay"),
        (["--retry-delay", "61m"], "at most 1h, not 61m"),
        (["--retry-delay", "9223372036854775807h"], "--retry-delay"),
        (["--timeout", "0s"], "--timeout: expected 1ms to 24h"),
        (["--timeout", "1x"], "--timeout"),
        (["--timeout", ""], "--timeout"),
        (["--limit-rate", "100"], "--limit-rate: expected at least 1KiB, not 100"),
        (["--header", "X-Team"], "--header: expected NAME: VALUE"),
        (["--header", "a b: c"], "--header: expected NAME: VALUE"),
        (["--header", "X: a\nY: b"], "--header: expected a value without control characters for X"),
        (["--header", "Authorization: Bearer x"], "say --registry-token or --creds"),
        (["--header", "content-length: 5"], "--header: expected no content-length"),
        (["--resolve", "host:443"], "--resolve: expected HOST:PORT:ADDRESS, not 'host:443'"),
        (["--resolve", "host:0:127.0.0.1"], "--resolve"),
        (["--progress", "loud"], "--progress"),
        (["--attestations", "sign"], "--attestations"),
        (["--platform", "amd64"], "expected a platform such as"),
        (["--platform", "linux/amd64,"], "expected a platform such as"),
        (["--platform", "linux/amd64", "--all-platforms"], "exclude each other"),
        (["--oci", "--keep-docker-types"], "exclude each other"),
        (["--no-such-option"], "--no-such-option"),
        (["--creds", ":s3cret"], "--creds: expected USER:PASSWORD"),
        (["--creds", "a:b", "--no-creds"], "--creds and --no-creds exclude each other"),
        (["--creds", "a:b", "--creds-stdin"], "--creds and --creds-stdin exclude each other"),
        (
            ["--src-registry-token", "t", "--src-creds", "a:b"],
            "--src-creds and --src-registry-token exclude each other"
        ),
        (["--dest-no-creds", "--dst-authfile", "f"], "--dst-no-creds and --dst-authfile exclude each other"),
        (["--src-creds-stdin", "--dest-creds-stdin"], "there is one stdin"),
        (["--creds-stdin"], "expected one line USER:PASSWORD on stdin"),
        (["--registry-token", "a b"], "--registry-token: expected printable characters"),
        (["--authfile", ""], "--authfile: expected a file"),
        (["--strict=yes"], "--strict"),
    ])
    func anOptionThatMakesNoSenseIsAUsageError(arguments: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            let command = try await place.esgz(
                ["convert", "oci:\(place.source):latest", "oci:\(place.destination):new"] + arguments)
            try place.expectFailure(command, 2, saying: [message])
        }
    }

    @Test(arguments: [
        (["convert"], "src"),
        (["convert", "oci:source:latest"], "expected at least one destination"),
        (["convert", "oci:source:latest", "oci:"], "expected a directory after 'oci:'"),
        (["convert", "oci:source:latest", "Upper/Case"], "'Upper/Case'"),
        (["copy", "a.example/app@sha256:abc", "oci:destination:new"], "'a.example/app@sha256:abc': expected a digest"),
        (["copy", "oci:source:latest", "app@sha256:\(String(repeating: "g", count: 64))"], "expected a digest"),
        (["copy", "docker-daemon:sha256:abc", "oci:destination:new"], "'docker-daemon:sha256:abc': expected a digest"),
        (["copy", "a.example/app", "oci:destination:new", "--authfile", "none"], "none: this file with credentials"),
        (["convert", "oci:source:latest", "docker://host/app:a tag"], "expected a tag"),
        (["convert", "oci:source:latest", "containers-storage:app"], "containers-storage:"),
        (["convert", "oci:source:latest", "oci-archive:-", "docker-archive:-"], "only one destination"),
        (["convert", "oci:source:latest", "out.tar"], "'out.tar' looks like a file: say docker-archive:out.tar, oci-"),
        (["copy", "source", "oci:destination:new"], "'source' looks like a file"),
        (["ls", "source"], "'source' looks like a file"), (["report", "-"], "say docker-archive:- or oci-archive:-"),
        (["profile", "check", "./image", "list"], "'./image' looks like a file"),
        (["probe", "127.0.0.1:5000"], "'127.0.0.1:5000' is a registry without a repository"),
        (["probe", "docker://ghcr.io"], "is a registry without a repository"),
        (["convert", "ftp://host/app", "oci:destination:new"], "ftp://"),
        (["optimize", "oci:a", "oci:b", "--run", "--args", "x"], "expected a JSON array such as"),
        (["optimize", "oci:a", "oci:b", "--run", "--mount", "/x"], "expected a mount such as type=bind"),
        (["optimize", "oci:a", "oci:b", "--run", "--period", "long"], "expected a time such as"),
        (["report", "oci:a", "--rtt", "long"], "expected a time such as"),
        (["transmogrify"], "error: no command 'transmogrify'; there are: convert, "),
        (["covnert", "oci:source:latest", "oci:destination:new"], "no command 'covnert'; did you mean 'convert'?"),
        (["help", "convret"], "no command 'convret'; did you mean 'convert'?"),
        (["help", "profile", "chek"], "no command 'chek'; did you mean 'check'?"),
        (
            ["optimize", "oci:source:latest", "oci:destination:new", "--", "python3", "-c", "x"],
            "--args or --entrypoint"
        ),
        (["convert", "oci:source:latest", "oci:destination:new", "--", "sh"], "expected nothing after --, not 'sh'"),
        (["push", "oci:source:latest", "--tag-suffix", "-x", "--", "sh"], "expected nothing after --"),
        (["pul"], "no command 'pul'; did you mean 'pull'?"),
        (["convert", "oci-archive:-", "oci:destination:new", "--creds-stdin"], "comes from stdin"),
        (["login", "-p", "x", "--password-stdin", "-u", "x"], "--password and --password-stdin exclude each other"),
        (["login", "--password-stdin"], "--password-stdin: expected --username"),
        (["login", "user:s3cret@a.b"], "expected a registry such as ghcr.io"),
        (["login", "-u", "a:b", "-p", "x"], "expected a user name, without a colon"),
        (["login", "-u", "a", "-p", ""], "expected a password"),
        (["logout", "--all", "a.b"], "--all and a registry exclude each other"),
        (["logout", "a.b/UP"], "expected a registry such as ghcr.io"),
    ])
    func aLocationThatMakesNoSenseIsAUsageError(arguments: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            try place.expectFailure(try await place.esgz(arguments), 2, saying: [message])
        }
    }

    @Test func theSourceIsOverwrittenOnlyWithForce() async throws {
        try await withWorkplace { place, _ in
            let same = "oci:\(place.directory)/../\(place.directory.lastComponent?.string ?? "")/source:latest"
            try place.expectFailure(
                try await place.convert(to: same), 2, saying: ["is the source itself", "--force"])
            let forced = try await place.convert(to: same, "--force")
            #expect(forced.status == 0, "\(forced.errors)")
        }
    }

    @Test func aLayoutWithSeveralImagesWantsATag() async throws {
        try await withWorkplace { place, layout in
            try layout.add([TinyLayer(.motd("second\n"))], tag: "second")
            let command = try await place.esgz(["convert", "oci:\(place.source)", "oci:\(place.destination):new"])
            try place.expectFailure(command, 2, saying: ["'latest', 'second'"])
        }
    }

    @Test func aLayoutThatIsNotThereIsNotFound() async throws {
        try await withWorkplace { place, _ in
            let missing = place.directory.appending("nowhere")
            let command = try await place.esgz(["convert", "oci:\(missing):latest", "oci:\(place.destination):new"])
            try place.expectFailure(command, 3, saying: ["oci:\(missing):latest"])
        }
    }

    @Test func aTagThatIsNotThereIsNotFoundAndTheOthersAreListed() async throws {
        try await withWorkplace { place, layout in
            try layout.add([TinyLayer(.motd("second\n"))], tag: "second")
            try place.expectFailure(
                try await place.convert(from: "third"), 3, saying: ["'third'", "'latest', 'second'"])
        }
    }

    @Test func aPlatformThatIsNotThereIsNotFoundAndTheOthersAreListed() async throws {
        try await withWorkplace { place, layout in
            try layout.addIndex(
                [
                    (Platform(os: "linux", architecture: "amd64"), [TinyLayer(.motd("amd64\n"))]),
                    (Platform(os: "linux", architecture: "arm", variant: "v7"), [TinyLayer(.motd("arm\n"))]),
                ], tag: "many")
            try place.expectFailure(
                try await place.convert(from: "many", "--platform", "linux/s390x"), 3,
                saying: ["no manifest for linux/s390x; there are: linux/amd64, linux/arm/v7"])
            for command in ["convert", "copy"] {
                let some = try await place.esgz([
                    command, "oci:\(place.source):many", "oci:\(place.destination):new", "--tmp-dir",
                    place.temporary.string, "--platform", "linux/amd64 , linux/s390x",
                ])
                try place.expectFailure(some, 3, saying: ["no manifest for linux/s390x; there are: linux/amd64"])
            }
            try place.expectFailure(
                try await place.convert("--platform", "linux/riscv64"), 3, saying: ["there are: linux/amd64"])
        }
    }
}

extension Workplace {
    fileprivate func convert(to destination: String, _ arguments: String...) async throws -> Command {
        try await esgz(["convert", "oci:\(source):latest", destination, "--tmp-dir", temporary.string] + arguments)
    }
}
