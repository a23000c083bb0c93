import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

/// Rules of the source tree that the compiler does not see.
struct StructureTests {
    private static let sources = Command.repository.appending("Sources")

    private let files: [(name: String, lines: [Substring])]
    private let systemLibraries: [String]

    init() throws {
        let found = try names(below: Self.sources)
        files = try found.filter { $0.hasSuffix(".swift") }.map { name in
            let text = try String(contentsOfFile: Self.sources.appending(name).string, encoding: .utf8)
            return (name, text.split(separator: "\n", omittingEmptySubsequences: false))
        }
        systemLibraries = found.filter { $0.hasSuffix("/module.modulemap") }.map { String($0.prefix { $0 != "/" }) }
    }

    /// The files that import a module.
    private func importers(of module: String) -> [String] {
        files.filter { $0.lines.contains { $0.split(separator: " ").suffix(2) == ["import", module[...]] } }
            .map(\.name)
    }

    /// `CLinux` is no library, but what the system itself offers: each target has one file that asks for it.
    @Test func eachLibraryInCIsImportedByOneFile() {
        #expect(!systemLibraries.isEmpty)
        for library in systemLibraries {
            let importers = importers(of: library)
            let users = library == "CLinux" ? Set(importers.map { $0.prefix { $0 != "/" } }).count : 1
            #expect(importers.count == max(1, users), "\(library) is imported by \(importers)")
        }
    }

    @Test func theCommandLineIsParsedInOnePlace() {
        let importers = importers(of: "ArgumentParser")
        #expect(!importers.isEmpty)
        #expect(importers.allSatisfy { $0.hasPrefix("esgz/") }, "\(importers)")
    }

    @Test func noFileIsLongerThanFourHundredLines() {
        for file in files { #expect(file.lines.count <= 401, "\(file.name) has \(file.lines.count - 1) lines") }
    }

    @Test(arguments: ["try!", " as! ", "fatalError("])
    func nothingTraps(word: String) {
        for file in files {
            let position = file.lines.firstIndex { $0.contains(word) }
            #expect(position == nil, "\(file.name):\((position ?? 0) + 1) has \(word)")
        }
    }
}
