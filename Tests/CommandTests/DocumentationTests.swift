import Content
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Holds `--help`, the manual and the README together.
struct DocumentationTests {
    /// The page of each command. What all of them share stands in that of the program.
    private static let pages = [
        "cat": "esgz-cat",
        "convert": "esgz-convert",
        "copy": "esgz-copy",
        "diff": "esgz-diff",
        "extract": "esgz-extract",
        "find": "esgz-find",
        "inspect": "esgz-inspect",
        "login": "esgz-login",
        "logout": "esgz-login",
        "ls": "esgz-ls",
        "optimize": "esgz-optimize",
        "probe": "esgz-probe",
        "profile check": "esgz-profile",
        "profile convert": "esgz-profile",
        "profile merge": "esgz-profile",
        "profile record": "esgz-profile",
        "profile show": "esgz-profile",
        "profile static": "esgz-profile",
        "report": "esgz-report",
        "stat": "esgz-stat",
        "toc": "esgz-toc",
        "verify": "esgz-verify",
    ]
    /// Commands that have the options of another one as well.
    private static let inherited = [
        "optimize": ["esgz-convert"], "profile check": ["esgz-convert"], "profile static": ["esgz-convert"],
        "profile record": ["esgz-convert", "esgz-optimize"],
    ]
    private static let allPages = ["esgz"] + Set(pages.values).sorted()

    @Test func everyCommandHasAPage() async throws {
        #expect(try await help().keys.sorted() == Self.pages.keys.sorted())
    }

    @Test(arguments: pages)
    func theManualNamesTheOptionsOfTheCommand(command: String, page: String) async throws {
        let options = try await options(of: command)
        let own = try manualOptions(of: page)
        let common = try manualOptions(of: "esgz")
        let inherited = try Set((Self.inherited[command] ?? []).flatMap(manualOptions(of:)))
        #expect(options.subtracting(own).subtracting(common).subtracting(inherited) == [])
        // With `logout` it means all registries, elsewhere all platforms.
        #expect(own.intersection(common).subtracting(page == "esgz-login" ? ["--all"] : []) == [])
        var described = options
        for other in Self.pages where other.value == page { described.formUnion(try await self.options(of: other.key)) }
        #expect(own.subtracting(described) == [])
    }

    @Test func commonOptionsAreThoseOfAllCommandsForImages() async throws {
        let common = try await options(of: "convert").intersection(options(of: "copy"))
        #expect(try manualOptions(of: "esgz") == common)
        #expect(try readmeOptions(under: "## Common options") == common)
    }

    @Test func theREADMENamesTheOptionsOfConvert() async throws {
        let common = try manualOptions(of: "esgz")
        #expect(try readmeOptions(under: "## Options") == (try await options(of: "convert").subtracting(common)))
    }

    @Test func theREADMENamesTheOptionsThatOptimizeHasBesides() async throws {
        let own = try await options(of: "optimize").subtracting(options(of: "convert"))
        #expect(try readmeOptions(under: "## Recording") == own)
    }

    @Test func defaultsInTheREADMEAreThoseOfTheProgram() async throws {
        let rows = try rows(under: "## Options") + rows(under: "## Common options")
        let stated = rows.reduce(into: [String: String]()) { stated, row in
            let option = row[0].split(separator: "`").first.map { String($0.prefix { $0 != " " }) } ?? ""
            stated[option] = String(row[2].filter { $0 != "`" })
        }
        let arguments = try await help()["convert"] ?? []
        for argument in arguments {
            guard let value = argument["defaultValue"]?.string, let name = argument["preferredName"]?["name"]?.string,
                // Zero stands for what the README says in words.
                value != "0"
            else { continue }
            #expect(stated["--\(name)"] == value, "--\(name)")
        }
    }

    @Test func exitStatusesAreTheSameEverywhere() throws {
        let source = try text(of: "Sources/esgz/ExitStatus.swift")
        let cases = source.split(separator: "\n").compactMap { line -> Int? in
            guard line.contains("case "), let equals = line.firstIndex(of: "=") else { return nil }
            return Int(line[line.index(after: equals)...].filter { $0 != " " })
        }
        // One case stands for both signals.
        let known = cases + [143]
        #expect(try rows(under: "## Exit statuses").compactMap { Int($0[0]) } == known)
        let manual = try section("EXIT STATUS", of: "esgz").filter { $0.hasPrefix(".It ") }
        #expect(manual.compactMap { Int($0.dropFirst(4)) } == known)
    }

    @Test func environmentVariablesAreTheSameInREADMEAndManual() throws {
        let manual = try section("ENVIRONMENT", of: "esgz").filter { $0.hasPrefix(".It Ev ") }
            .flatMap { $0.dropFirst(7).split { $0 == " " || $0 == "," } }
        let readme = try rows(under: "## Environment variables").flatMap { $0[0].split { "`, ".contains($0) } }
        #expect(manual == readme)
    }

    @Test(.enabled(if: Command.isExpected("mandoc"), "mandoc is not installed"), arguments: allPages)
    func theManualIsWellFormed(page: String) async throws {
        let lint = try await Command.run(
            "mandoc", ["-T", "lint", "-W", "warning", Command.repository.appending("man/\(page).1").string])
        #expect(lint.status == 0)
        #expect(lint.output == "")
    }

    @Test func continuousIntegrationRunsTheCommandsOfTheREADME() throws {
        let script = try text(of: ".ci/run")
        let readme = try text(of: "README.md")
        for command in ["build", "test"] {
            #expect(script.contains("\nrun_readme \(command)\n"))
            #expect(readme.contains("\n<!-- .ci/run: \(command) -->\n```sh\n"))
        }
    }

    // MARK: - The program

    /// Options of a command with their dashes, as `--help` shows them.
    private func options(of command: String) async throws -> Set<String> {
        let arguments = try #require(try await help()[command])
        let names = arguments.flatMap { $0["names"]?.array ?? [] }.compactMap { name in
            name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
        }
        // Every command has them; ArgumentParser dumps them for none.
        return Set(names).union(["--help", "-h", "--version"])
    }

    /// Arguments by command; `profile show` is one within another.
    private func help() async throws -> [String: [JSON]] {
        try await withWorkplace { place, _ in
            let dump = try await place.esgz(["--experimental-dump-help"])
            return arguments(ofCommandsIn: try JSON(parsing: Array(dump.output.utf8))["command"], below: "")
        }
    }

    private func arguments(ofCommandsIn command: JSON?, below prefix: String) -> [String: [JSON]] {
        (command?["subcommands"]?.array ?? []).reduce(into: [:]) { result, command in
            guard let name = command["commandName"]?.string, name != "help" else { return }
            guard command["subcommands"]?.array?.isEmpty ?? true else {
                result.merge(arguments(ofCommandsIn: command, below: prefix + name + " ")) { first, _ in first }
                return
            }
            result[prefix + name] = (command["arguments"]?.array ?? []).filter { $0["kind"]?.string != "positional" }
        }
    }

    // MARK: - The texts

    private func text(of path: String) throws -> String {
        try String(contentsOfFile: Command.repository.appending(path).string, encoding: .utf8)
    }

    /// Options that an `.It` line introduces: `.It Fl q , -quiet`.
    private func manualOptions(of page: String) throws -> Set<String> {
        let lines = try text(of: "man/\(page).1").split(separator: "\n").filter { $0.hasPrefix(".It Fl ") }
        return Set(
            lines.flatMap { line in
                // `Fl` applies to the words after a comma as well, but not to what follows `Ar`.
                line.dropFirst(".It Fl ".count).split(separator: ",").compactMap { alternative in
                    alternative.split(separator: " ").first { $0 != "Fl" }.map { "-" + $0 }
                }
            })
    }

    private func section(_ name: String, of page: String) throws -> [Substring] {
        try text(of: "man/\(page).1").split(separator: "\n").drop { $0 != ".Sh \(name)" }.dropFirst()
            .prefix { !$0.hasPrefix(".Sh ") }.map(\.self)
    }

    /// Options in the first column of a table of the README.
    private func readmeOptions(under heading: String) throws -> Set<String> {
        let words = try rows(under: heading).flatMap { $0[0].split { !"-abcdefghijklmnopqrstuvwxyz".contains($0) } }
        return Set(words.filter { $0.hasPrefix("-") }.map(String.init))
    }

    /// The cells of the table below a heading of the README, without its head.
    private func rows(under heading: String) throws -> [[String]] {
        let lines = try text(of: "README.md").split(separator: "\n").drop { $0 != heading }.dropFirst()
            .prefix { !$0.hasPrefix("## ") }.filter { $0.hasPrefix("|") }
        return lines.dropFirst(2).map { line in
            line.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map {
                String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        }
    }
}
