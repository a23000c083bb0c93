import Content
import OCI
import TestSupport
import Testing

/// A table of contents with a million files, in bounded memory.
@Suite(.timeLimit(.minutes(15)))
struct LargeTableTests {
    @Test func aMillionFilesAreReadInBoundedMemory() async throws {
        try await withWorkplace { place, layout in
            let layer = try LayerPieces(data: [], toc: Self.table(of: 1_000_000)).layer()
            var tiny = try TinyLayer(Tar {}.bytes)
            (tiny.blob, tiny.descriptor, tiny.diffID) = (layer.blob, layer.descriptor, layer.diffID)
            try layout.add([tiny], tag: "large")
            // Less than a kilobyte and a half for each of them.
            let limit = "ulimit -v 1500000;"
            let verified = try await place.shell("\(limit) \"$esgz\" verify --quick oci:\(place.source):large")
            #expect(verified.status == 0 && verified.output.contains("\n  LAZY\nno findings; "), "\(verified.errors)")
            let found = try await place.shell("\(limit) \"$esgz\" find oci:\(place.source):large '*-0999999'")
            #expect(found.output == "some/directory/file-0999999\n", "\(found.errors)")
        }
    }

    private static func table(of count: Int) -> String {
        var text = Array(#"{"version":1,"entries":["#.utf8)
        let (start, end) = (Array(#"{"name":"some/directory/file-"#.utf8), Array(#"","type":"fifo","mode":420}"#.utf8))
        var digits = [UInt8](repeating: 0x30, count: 7)
        for number in 0..<count {
            if number > 0 { text.append(UInt8(ascii: ",")) }
            text += start
            text += digits
            text += end
            var position = 6
            while position > 0, digits[position] == 0x39 {
                digits[position] = 0x30
                position -= 1
            }
            digits[position] += 1
        }
        return String(decoding: text, as: UTF8.self) + "]}"
    }
}
