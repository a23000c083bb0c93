import Archive
import Content
import EStargz
import Inspection
import OCI
import SystemPackage
import TestSupport
import Testing
import Transports

/// Tables of contents that want to do harm: errors or findings, bounded memory, and no trap.
struct HostileTableTests {
    private static func entries(_ texts: [String]) -> String {
        #"{"version":1,"entries":["# + texts.joined(separator: ",") + "]}"
    }

    private static let tables: [String] = [
        entries([#"{"name":"a","type":"hardlink","linkName":"b"}"#, #"{"name":"b","type":"hardlink","linkName":"a"}"#]),
        entries([#"{"name":"a","type":"hardlink","linkName":"a"}"#]),
        entries([#"{"name":"../../etc/passwd","type":"symlink","linkName":"/etc/shadow"}"#]),
        entries([#"{"name":"a","type":"symlink","linkName":"b"}"#, #"{"name":"b","type":"symlink","linkName":"a"}"#]),
        entries([#"{"name":"\u001b[2J\u202e","type":"dir"}"#, #"{"name":"\u0000","type":"fifo"}"#]),
        entries([#"{"name":"a","type":"reg","size":9223372036854775807,"offset":1,"chunkSize":9223372036854775807}"#]),
        entries([
            #"{"name":"a","type":"reg","size":9223372036854775807,"offset":9223372036854775807,"innerOffset":9223372036854775807}"#
        ]),
        entries([
            #"{"name":"a","type":"reg","size":10,"offset":1,"chunkSize":5}"#,
            #"{"name":"a","type":"chunk","offset":1,"chunkOffset":9223372036854775807,"chunkSize":9223372036854775807}"#,
        ]),
        entries([#"{"name":"a","type":"char","devMajor":9223372036854775807,"devMinor":-9223372036854775808}"#]),
        entries([
            #"{"name":"a","type":"reg","mode":-9223372036854775808,"uid":-1,"gid":9223372036854775807,"modtime":"9999-12-31T23:59:59+23:59"}"#
        ]),
        entries([#"{"name":"","type":"reg","size":1,"offset":1}"#, #"{"name":"/","type":"symlink","linkName":""}"#]),
        entries([#"{"name":"\#(String(repeating: "d/", count: 20_000))","type":"dir"}"#]),
        entries([#"{"name":"a","type":"dir"}"#, #"{"name":"a/b","type":"reg"}"#, #"{"name":"a","type":"reg"}"#]),
    ]

    @Test(arguments: tables)
    func whatMakesNoSenseIsFoundAndHarmsNobody(table: String) async throws {
        try await withTemporaryDirectory { directory in
            var layout = try LayoutBuilder(at: directory)
            try layout.tag(try layout.putImage([try LayerPieces(data: try compressed([]), toc: table).layer()]))
            let source = ImageLayout(directory, tag: "latest")
            let options = InspectionOptions(temporaryDirectory: directory)
            let verdict = try await ImageVerifier(
                VerificationRequest(options: options), of: source, tables: ExternalTables { nil }
            ).run()
            #expect(!verdict.isSound)
            let image = LazyImage(
                try await PlatformImage(of: source, platform: nil), from: source, tables: ExternalTables { nil },
                named: "image", options)
            let tree = try await image.tree()
            for node in tree.nodes(below: .root) {
                _ = EntryReport(node, in: tree).json
                _ = tree.resolve(node.path.bytes)
                guard let file = node.file, case .regular(let size) = tree.kind(of: node), size > 0 else { continue }
                await #expect(throws: (any Error).self) { try await image.bytes(of: file, in: 0..<min(size, 10)) }
            }
        }
    }
}
