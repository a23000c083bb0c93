import Content
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Holds `--help`, the manual and the README together.
struct DocumentationTests {
    @Test(arguments: ["esgz", "esgz-convert"])
    func theManualNamesTheOptionsOfTheProgram(page: String) async throws {
        #expect(try manualOptions(of: page) == (try await programOptions(of: page)))
    }

    @Test func theREADMENamesTheOptionsOfConvert() async throws {
        let rows = try rows(under: "## Options")
        let named = rows.flatMap { $0[0].split { !"-abcdefghijklmnopqrstuvwxyz".contains($0) } }
        #expect(
            Set(named.filter { $0.hasPrefix("-") }.map(String.init)) == (try await programOptions(of: "esgz-convert")))
    }

    @Test func defaultsInTheREADMEAreThoseOfTheProgram() async throws {
        let stated = try rows(under: "## Options").reduce(into: [String: String]()) { stated, row in
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

    @Test(.enabled(if: Command.isExpected("mandoc"), "mandoc is not installed"), arguments: ["esgz", "esgz-convert"])
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

    /// Options of a page with their dashes, as `--help` shows them.
    private func programOptions(of page: String) async throws -> Set<String> {
        let arguments = try #require(try await help()[page == "esgz" ? "" : String(page.dropFirst("esgz-".count))])
        let names = arguments.flatMap { $0["names"]?.array ?? [] }.compactMap { name in
            name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
        }
        // Every command has them; ArgumentParser dumps them for none.
        return Set(names).union(["--help", "-h", "--version"])
    }

    /// Arguments by command; those of the program itself under an empty name.
    private func help() async throws -> [String: [JSON]] {
        try await withWorkplace { place, _ in
            var result: [String: [JSON]] = [:]
            for command in ["", "convert"] {
                let words = command.isEmpty ? [] : [command]
                let dump = try await place.esgz(words + ["--experimental-dump-help"])
                let root = try JSON(parsing: Array(dump.output.utf8))["command"]
                result[command] = (root?["arguments"]?.array ?? []).filter { $0["kind"]?.string != "positional" }
            }
            return result
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
