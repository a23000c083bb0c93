import Content
import Glibc
import SystemPackage
import TestSupport
import Testing

/// `esgz report` in its four forms.
@Suite(.timeLimit(.minutes(15)))
struct ReportCommandTests {
    /// Names that try to be more than names, in all forms of a report.
    private static let hostileNames = [
        "<script>alert(1)</script>", "\"onload='x'&amp;", "tab\tline\nend", "\u{1b}[31mred",
        "\u{202e}txt.exe", "</title></svg><img src=x>", "</style>", "&lt;b&gt;", "a|b`c`", "@everyone #1",
    ]

    private static func tar(_ names: [String], size: Int = 3000) -> TinyTar {
        var tar = TinyTar()
        for (position, name) in names.enumerated() {
            var generator = SeededGenerator(UInt64(position))
            tar.file(Array(name.utf8), generator.bytes(size + position % 50 * 100))
        }
        return tar
    }

    /// Converts the layers, and reports of them.
    private func withReport(
        _ layers: [TinyTar], _ arguments: [String], _ body: (Workplace, Command) async throws -> Void
    ) async throws {
        try await withWorkplace(try layers.map { try TinyLayer($0) }) { place, _ in
            let conversion = try await place.convert()
            #expect(conversion.status == 0, "\(conversion.errors)")
            try await body(place, try await place.report(arguments))
        }
    }

    @Test func textSaysWhatIsLargeAndWhatAStartCosts() async throws {
        try await withReport([Self.tar(["usr/bin/a", "usr/bin/b"], size: 200_000), Self.tar(["etc/motd"])], []) {
            place, report in
            #expect(report.status == 0 && report.errors.isEmpty, "\(report.errors)")
            let lines = report.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
            #expect(lines.contains("200.2 kB of 200.1 kB usr/bin/b"), "\(report.output)")
            #expect(lines.contains { $0.hasPrefix("before the workload starts 6 ") }, "\(report.output)")
            #expect(lines.contains { $0.hasPrefix("Starts after ") && $0.contains("a --profile to tell") })
            #expect(
                lines.contains("- nothing is prefetched, and without a profile nobody knows what the workload opens"))
            for form in ["text", "json", "md", "html"] {
                let once = try await place.report(["--format", form])
                let again = try await place.report(["--format", form])
                #expect(once.status == 0 && once.output == again.output)
            }
        }
    }

    @Test func theNumbersOfThePageAreThoseOfTheJSON() async throws {
        let layers = [Self.tar((0..<30).map { "usr/lib/\($0)" }), Self.tar(["etc/motd"])]
        try await withReport(layers, ["--json", "--source", "oci:source:latest"]) { place, report in
            #expect(report.status == 0, "\(report.errors)")
            let json = try JSON(parsing: Array(report.output.utf8))
            let page = try await place.report(["--format", "html", "--source", "oci:source:latest"]).output
            let numbers = Self.numbers(in: page)
            // Ten for each layer, three for each cost, four for all together, and two for each file that is named.
            #expect(numbers.count > 70, "\(numbers.count)")
            for (path, value) in numbers {
                let found = path.split(separator: ".").reduce(json as JSON?) { node, key in
                    Int(key).map { node?.array?[$0] } ?? node?[String(key)]
                }
                #expect(found == .number(value), "\(path): \(String(describing: found))")
            }
            for path in [
                "size", "growth", "start.before.bytes", "layers.1.tocSize", "layers.0.largest.9.compressedSize",
            ] {
                #expect(numbers.contains { $0.path == path }, "\(path)")
            }
        }
    }

    /// What people read and see is what the attributes say.
    @Test func thePictureAndItsWordsAreThoseOfTheNumbers() async throws {
        let tars = [Self.tar(["etc/motd", "usr/bin/tool"], size: 40_000), Self.tar(["etc/late"], size: 9000)]
        try await withReport(tars, ["--format", "html"]) { place, report in
            let json = try JSON(parsing: Array(try await place.report(["--json"]).output.utf8))
            let page = report.output
            var sizes = 0
            for part in page.split(separator: "data-path=\"").dropFirst() {
                let words = part.split(separator: "\"", maxSplits: 4, omittingEmptySubsequences: false)
                let key = words[0].split(separator: ".").last ?? ""
                guard key.hasSuffix("ize") || key == "bytes", let value = Int64(words[2]) else { continue }
                #expect(words[3].dropFirst().prefix { $0 != "<" } == Self.text(of: value), "\(words[0])")
                sizes += 1
            }
            #expect(sizes > 20)
            let sections = page.split(separator: "<svg ").dropFirst()
            #expect(sections.count == 2)
            for (section, layer) in zip(sections, json["layers"]?.array ?? []) {
                let size = try #require(layer["size"]?.integer)
                let table = try #require(layer["tocSize"]?.integer)
                for text in [size, table].map(Self.text) {
                    #expect(section.prefix { $0 != ">" }.contains(text), "\(section.prefix(300))")
                }
                let rectangle = try #require(section.split(separator: "<rect class=\"toc\"").dropFirst().first)
                let width = try #require(
                    rectangle.split(separator: "width=\"").dropFirst().first?.prefix { $0 != "\"" })
                let expected = Double(table) * 1000 / Double(size)
                #expect(abs(try #require(Double(width)) - expected) < 0.02, "\(width) \(expected)")
            }
        }
    }

    /// As people write sizes.
    private static func text(of count: Int64) -> String {
        guard count >= 1000 else { return "\(count) B" }
        let (unit, name) = count >= 1_000_000 ? (1_000_000.0, "MB") : (1000.0, "kB")
        let tenths = Int((Double(count) / unit * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(name)"
    }

    private static func numbers(in page: String) -> [(path: String, value: String)] {
        page.split(separator: "data-path=\"").dropFirst().map { part in
            let words = part.split(separator: "\"", maxSplits: 4, omittingEmptySubsequences: false)
            return (String(words[0]), String(words[2]))
        }
    }

    @Test func hostileNamesStayNames() async throws {
        try await withReport([Self.tar(Self.hostileNames)], ["--format", "html"]) { place, report in
            #expect(report.status == 0, "\(report.errors)")
            let body = report.output.drop { $0 != "<" }
            // All tags are our own.
            let tags = Set(body.split(separator: "<").map { $0.prefix { $0.isLetter || $0.isNumber || $0 == "/" } })
            #expect(tags.isDisjoint(with: ["script", "/script", "img"]), "\(tags)")
            #expect(body.firstRange(of: "onload='") == nil && body.firstRange(of: "alert(1)</") == nil)
            #expect(report.output.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
            #expect(report.output.contains("&amp;lt;b&amp;gt;"))
            for form in ["text", "md", "html"] {
                let output = try await place.report(["--format", form]).output
                let forbidden: Set<Unicode.Scalar> = ["\u{1b}", "\t", "\u{202e}"]
                #expect(!output.unicodeScalars.contains { forbidden.contains($0) }, "\(form)")
            }
            let markdown = try await place.report(["--format", "md"]).output
            #expect(markdown.contains("<code>&#64;everyone &#35;1</code>"), "\(markdown)")
            #expect(markdown.contains("<code>a&#124;b&#96;c&#96;</code>"))
            // The exact names are in the JSON.
            let json = try JSON(parsing: Array(try await place.report(["--json"]).output.utf8))
            let names = json["layers"]?.array?.first?["largest"]?.array?.compactMap { $0["path"]?.string } ?? []
            #expect(Set(names) == Set(Self.hostileNames))
        }
    }

    @Test(
        .enabled(if: Command.isExpected("chromium"), "chromium is not installed"), arguments: [0, 1])
    func aBrowserShowsThePageWithoutComplaint(scheme: Int) async throws {
        let names = Self.hostileNames + (0..<3000).map { "usr/share/\($0)" }
        try await withReport([Self.tar(names, size: 100), Self.tar(["etc/motd"])], ["--format", "html"]) {
            place, report in
            let page = place.directory.appending("report.html")
            try write(Array(report.output.utf8), to: page)
            let picture = place.directory.appending("page.png")
            // What the script of a hostile name would do, the console would tell.
            let browser = try await Command.run(
                "timeout",
                [
                    "120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                    "--user-data-dir=\(place.directory.appending("browser"))", "--window-size=1200,2000",
                    "--blink-settings=preferredColorScheme=\(scheme)", "--screenshot=\(picture)", "file://\(page)",
                ], in: place.directory)
            #expect(browser.status == 0, "\(browser.errors)")
            #expect(!browser.errors.contains("CONSOLE"), "\(browser.errors)")
            // An empty page is a few kilobytes.
            #expect(try FileSlice(opening: picture).count > 50_000)
        }
    }

    @Test func thePageNeedsNothingElse() async throws {
        try await withReport([Self.tar(["etc/motd"])], ["--format", "html"]) { _, report in
            for word in ["<script", "<link", "http:", "https:", "url(", "@import", "src="] {
                #expect(!report.output.contains(word), "\(word)")
            }
            #expect(report.output.contains("default-src 'none'"))
        }
    }

    /// As WCAG 2 has it: 4.5 for text, 3 for what is drawn.
    @Test func colorsStandOutInBothModes() async throws {
        try await withReport([Self.tar(["etc/motd"])], ["--format", "html"]) { _, report in
            let modes = report.output.split(separator: "--page: ").dropFirst()
            #expect(modes.count == 2)
            for mode in modes {
                var colours: [String: Double] = [:]
                for part in "--page: \(mode)".split(separator: "--") where part.contains(": #") {
                    let words = part.split(separator: ": #")
                    colours[String(words[0])] = colours[String(words[0])] ?? Self.luminance(words[1].prefix(6))
                }
                for (name, least) in [
                    ("pre", 3), ("late", 3), ("rest", 3), ("toc", 3), ("mark", 4.5), ("ink", 4.5), ("soft", 4.5),
                ] {
                    for back in ["page", "card"] {
                        let pair = [try #require(colours[name]), try #require(colours[back])].sorted()
                        let contrast = (pair[1] + 0.05) / (pair[0] + 0.05)
                        #expect(contrast >= least, "\(name) on \(back): \(contrast)")
                    }
                }
            }
        }
    }

    private static func luminance(_ hex: Substring) -> Double {
        let number = Int(hex, radix: 16) ?? 0
        let parts = [number >> 16, number >> 8 & 255, number & 255].map { part -> Double in
            let value = Double(part) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }

    @Test(
        arguments: [
            (["--max-growth", "1000%"], 0, ""), (["--max-growth", "0.1%"], 7, "--max-growth: expected at most 0.1 %"),
            (["--max-prefetch", "0"], 0, ""), (["--max-growth", "5"], 0, ""),
        ] as [([String], Int32, String)])
    func limitsDecideTheExitStatus(arguments: [String], status: Int32, message: String) async throws {
        let isLarge = arguments == ["--max-growth", "5"]
        let layers = [Self.tar(["etc/motd"], size: isLarge ? 2_000_000 : 100)]
        try await withReport(layers, ["--source", "oci:source:latest"] + arguments) { _, report in
            #expect(report.status == status, "\(report.errors)")
            #expect(report.errors.contains(message) && report.output.contains("etc/motd"))
        }
    }

    @Test func whatIsPrefetchedHasALimitToo() async throws {
        try await withWorkplace([try TinyLayer(Self.tar(["usr/bin/a", "usr/bin/b"], size: 200_000))]) { place, _ in
            try write(Array("/usr/bin/a\n".utf8), to: place.directory.appending("profile"))
            let conversion = try await place.esgz([
                "optimize", "oci:source:latest", "oci:destination:new", "--profile", "profile",
            ])
            #expect(conversion.status == 0, "\(conversion.errors)")
            let fine = try await place.report(["--max-prefetch", "210kB", "--profile", "profile"])
            #expect(fine.status == 0, "\(fine.errors)")
            #expect(fine.output.contains("opened later"))
            let large = try await place.report(["--max-prefetch", "100KiB"])
            #expect(large.status == 7 && large.errors.hasPrefix("error: --max-prefetch: expected at most 102400 bytes"))
            #expect(large.output.contains("the workload opens what is prefetched"))
        }
    }

    @Test(arguments: [
        (["--bandwidth", "fast"], "--bandwidth"), (["--bandwidth", "0"], "--bandwidth"),
        (["--bandwidth", "1bit"], "--bandwidth"), (["--rtt", "40"], "--rtt: expected at most 10s, not 40s"),
        (["--format", "pdf"], "--format"), (["--json", "--format", "md"], "exclude each other"),
        (["--max-growth", "5"], "--max-growth: expected --source as well"), (["--max-growth", "x"], "--max-growth"),
        (["--max-growth", "1.23", "--source", "x"], "--max-growth"), (["--layer", "0"], "--layer"),
    ])
    func whatMakesNoSenseIsAMistake(arguments: [String], message: String) async throws {
        try await withWorkplace { place, _ in
            let report = try await place.esgz(["report", "oci:source:latest"] + arguments)
            #expect(report.status == 2 && report.errors.contains(message), "\(report.errors)")
        }
    }

    @Test(arguments: [
        ("100Mbit", 12_500_000), ("1Gbps", 125_000_000), ("800kbit/s", 100_000), ("12500000", 12_500_000),
        ("10MiB/s", 10 << 20), ("1MB", 1_000_000),
    ])
    func linesHaveManySpellings(text: String, bytes: Int64) async throws {
        try await withWorkplace { place, _ in
            let report = try await place.esgz([
                "report", "oci:source:latest", "--bandwidth", text, "--rtt", "5ms", "--json",
            ])
            #expect(report.status == 0, "\(report.errors)")
            let start = try JSON(parsing: Array(report.output.utf8))["start"]
            #expect(start?["bandwidth"]?.integer == bytes)
            #expect(start?["roundTripMilliseconds"]?.integer == 5)
        }
    }

    @Test func aLayerThatIsNotLazyIsTold() async throws {
        try await withWorkplace { place, _ in
            let report = try await place.esgz(["report", "oci:source:latest"])
            #expect(report.status == 0, "\(report.errors)")
            let limited = try await place.esgz(["report", "oci:source:latest", "--max-prefetch", "10"])
            #expect(limited.status == 7 && limited.errors.contains("layer 1 is not lazy, and is pulled"))
            let total = report.output.split(separator: "\n").first { $0.hasPrefix("  all") }
            #expect(total?.split(separator: " ").suffix(4) == ["-", "-", "-", "-"], "\(report.output)")
            #expect(try await place.esgz(["report", "oci:source:latest", "--max-prefetch", "1MiB"]).status == 0)
            #expect(report.output.contains("layer 1: not lazy: the manifest names no table of contents for it"))
            #expect(report.output.contains("Not lazy: everything is pulled before the start"))
            let page = try await place.esgz(["report", "oci:source:latest", "--format", "html"])
            #expect(page.output.contains("not lazy: the manifest names no table"))
        }
    }
}

extension Workplace {
    fileprivate func report(_ arguments: [String]) async throws -> Command {
        try await esgz(["report", "oci:destination:new"] + arguments)
    }
}
