import Content
import Glibc
import OCI
import SystemPackage
import TestSupport
import Testing

/// Archives as files and through pipes, as the program itself handles them.
struct ArchiveCommandTests {
    @Test(arguments: ["oci-archive", "docker-archive"], ["convert", "copy"])
    func anArchiveThroughPipesIsTheSameImage(transport: String, command: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.shell(
                """
                set -eu -o pipefail
                $esgz \(command) -q $source \(transport):image.tar:app:1 >zero
                $esgz copy -q \(transport):image.tar \(transport):- 2>one | cat |
                    $esgz copy -q --json \(transport):- \(transport):- 2>two >piped.tar
                cmp image.tar piped.tar
                gzip -c image.tar | $esgz copy -q \(transport):-:app:1 oci:back:x >three
                $esgz copy -q \(transport):- oci:again:x <image.tar >four
                grep -q "^sha256:" one && grep -q '^{"digest":"sha256:' two && cmp zero one && cmp one three && cmp one four
                rm -r zero one two three four image.tar piped.tar back again
                """)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.output.isEmpty)
            try place.expectNothingLeft()
        }
    }

    @Test func aPipeThatNobodyReadsIsAnError() async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 500_000))]) { place, _ in
            let result = try await place.shell("$esgz convert -q $source oci-archive:- | true; exit ${PIPESTATUS[0]}")
            #expect(result.status == 1)
            #expect(result.errors.contains("cannot write standard output: Broken pipe"), "\(result.errors)")
            try place.expectNothingLeft()
        }
    }

    @Test func anArchiveForAClosedOutputIsAnError() async throws {
        try await withWorkplace { place, _ in
            let result = try await place.shell("$esgz convert -q $source oci-archive:- >&-")
            try place.expectFailure(result, 1, saying: ["cannot write standard output"])
        }
    }

    @Test(arguments: ["$source oci-archive:pipe", "oci-archive:pipe $destination"])
    func theFirstSignalEndsTheWaitForTheOtherEndOfANamedPipe(places: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.shell(
                """
                mkfifo pipe
                $esgz copy \(places) --tmp-dir "$tmp" >output 2>errors & child=$!
                # Either it has copied the layer, or it holds the pipe or a temporary file.
                until grep -q layer errors || ls -l /proc/$child/fd 2>/dev/null | grep -q -e pipe$ -e "$tmp"; do :; done
                kill -INT $child; wait $child
                """)
            #expect(result.status == 130, "\(result.errors)")
            try place.expectNothingLeft()
        }
    }

    @Test(arguments: ["copy oci:image.tar:1 oci:out:1", "copy $source oci:image.tar:1", "ls oci:image.tar:1"])
    func anArchiveThatIsTakenForALayoutIsToldOf(command: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.shell(
                "$esgz copy -q $source oci-archive:image.tar:1 >/dev/null; $esgz \(command)")
            #expect(result.status == 8 && result.output == "", "\(result)")
            #expect(result.errors.contains("it is a file; if it is an archive, use oci-archive:"), "\(result)")
        }
    }

    @Test func anArchiveWithSeveralPlatformsIsNoneOfDocker() async throws {
        try await withWorkplace { place, layout in
            let platforms = try ["amd64", "arm64"].map { name in
                (try Platform(parsing: "linux/\(name)"), [try TinyLayer(.motd(name))])
            }
            try layout.addIndex(platforms, tag: "many")
            let destination = "docker-archive:\(place.directory)/out.tar"
            try place.expectFailure(
                try await place.convert(from: "many", to: destination), 2, saying: ["--platform", "has 2"])
            #expect(access("\(place.directory)/out.tar", F_OK) != 0)
            let one = try await place.convert(from: "many", to: destination, "--platform", "linux/arm64")
            #expect(one.status == 0, "\(one.errors)")
        }
    }

    @Test func theArchiveThatIsReadIsReplacedOnlyWithForce() async throws {
        try await withWorkplace { place, _ in
            let archive = "oci-archive:\(place.directory)/a.tar"
            #expect(try await place.convert(to: archive).status == 0)
            let before = try FileSlice(opening: place.directory.appending("a.tar")).bytes()
            for command in ["convert", "copy"] {
                let result = try await place.esgz([
                    command, archive, "\(archive):x", "--tmp-dir", place.temporary.string,
                ])
                try place.expectFailure(result, 2, saying: ["\(archive):x is the"])
            }
            #expect(try FileSlice(opening: place.directory.appending("a.tar")).bytes() == before)
            let forced = try await place.esgz(["convert", "--force", archive, "\(archive):x"])
            #expect(forced.status == 0, "\(forced.errors)")
        }
    }

    @Test func anArchiveThatIsThereIsNotReplacedWithNoClobber() async throws {
        try await withWorkplace { place, _ in
            try write(Array("mine".utf8), to: place.directory.appending("a.tar"))
            let result = try await place.convert(to: "oci-archive:\(place.directory)/a.tar", "--no-clobber")
            try place.expectFailure(result, 7, saying: ["refusing to replace", "a.tar"])
            #expect(try FileSlice(opening: place.directory.appending("a.tar")).bytes() == Array("mine".utf8))
        }
    }

    @Test(arguments: [
        (["oci-archive:a.tar:x", "oci-archive:./a.tar:y"], "are the same archive"),
        (["oci-archive:a.tar:x", "docker-archive:a.tar:y"], "are the same archive"),
        (["oci-archive:a.tar:x", "oci-archive:source/../a.tar:y"], "are the same archive"),
        (["oci-archive:-", "docker-archive:-"], "only one destination can be standard output"),
        (["docker-archive:a.tar", "--additional-tag", "x"], "docker-archive:a.tar"),
    ])
    func twoImagesInOnePlaceAreAMistakeOfUsage(arguments: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(["convert", "oci:\(place.source):latest"] + arguments)
            try place.expectFailure(result, 2, saying: [message])
        }
    }

    @Test func stdinHoldsAnImageOrCredentials() async throws {
        try await withWorkplace { place, _ in
            let result = try await place.esgz(["copy", "--dst-creds-stdin", "oci-archive:-", "localhost:1/app"])
            try place.expectFailure(result, 2, saying: ["the source comes from stdin, so credentials cannot"])
        }
    }

    @Test func aLayerThatIsNotItsDiffIDIsFoundInAnArchiveOfDockerToo() async throws {
        try await withWorkplace { place, _ in
            let layer = TinyTar.motd().finished
            let zeros = String(repeating: "0", count: 64)
            let tar = Tar {
                file("config", #"{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:\#(zeros)"]}}"#)
                file("layer.tar", layer)
                file("manifest.json", #"[{"Config":"config","RepoTags":["app:1"],"Layers":["layer.tar"]}]"#)
            }
            try write(tar.bytes, to: place.directory.appending("a.tar"))
            for command in ["convert", "copy"] {
                let result = try await place.esgz([
                    command, "docker-archive:\(place.directory)/a.tar", "oci:\(place.destination):new",
                ])
                try place.expectFailure(
                    result, 8, saying: ["expected digest sha256:\(zeros), not \(Digest(of: layer))"])
            }
        }
    }

    @Test func theFirstSignalEndsWritingToAPipeThatIsFull() async throws {
        try await withWorkplace([TinyLayer(.motd(noise: 500_000))]) { place, _ in
            let result = try await place.shell(
                """
                mkfifo out; exec 3<>out
                $esgz copy -q $source oci-archive:out --tmp-dir "$tmp" & child=$!
                head -c 1000 <&3 >/dev/null
                kill -INT $child; wait $child
                """)
            #expect(result.status == 130, "\(result.errors)")
            try place.expectNothingLeft()
        }
    }

    @Test func theFirstSignalEndsAPipeThatSaysNothing() async throws {
        try await withWorkplace { place, _ in
            let result = try await place.shell(
                """
                mkfifo in; exec 3<>in
                $esgz copy -q oci-archive:- $destination --tmp-dir "$tmp" <&3 & child=$!
                # It waits in the pipe once it has its temporary file.
                until ls -l /proc/$child/fd 2>/dev/null | grep -q "$tmp"; do :; done
                kill -INT $child; wait $child
                """)
            #expect(result.status == 130, "\(result.errors)")
            try place.expectNothingLeft()
        }
    }
}
