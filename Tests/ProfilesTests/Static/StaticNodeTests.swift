import Profiles
import TestSupport
import Testing

/// Which modules Node loads for a program.
struct StaticNodeTests {
    private func loaded(
        _ script: String, files: Tar = Tar(.ustar, items: []), command: [String] = ["node", "main.js"]
    ) async throws -> [String] {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/node", TinyELF()); file("app/main.js", script)
                for name in ["a.js", "b.js", "c.json", "d/index.js", "e.mjs"] { file("app/\(name)") }
            }, files, command: command, directory: "/app")
        return try await image.paths.dropFirst(2).map { $0.hasPrefix("app/") ? String($0.dropFirst(4)) : $0 }
    }

    @Test(arguments: [
        (#"const a = require("./a"), b = require('./b.js');"#, ["a.js", "b.js"]),
        (#"require("./c"); require("./d"); require("fs"); require("node:fs")"#, ["c.json", "d/index.js"]),
        (#"import a from "./a.js"; import "./b.js"; export * from './e.mjs';"#, ["a.js", "b.js", "e.mjs"]),
        (#"import { x, y as z } from "./a.js"; const e = await import("./e.mjs")"#, ["a.js", "e.mjs"]),
        (#"// require("./a")"#, []), (#"/* require("./a") */ require("./b")"#, ["b.js"]),
        (#"const s = "require('./a')"; const t = `require("./a") ${require("./a")}`"#, []),
        (#"const r = /["'`]/.test(x) / 2; require("./a")"#, ["a.js"]),
        (#"function f() { require("./a") } require("./b")"#, ["b.js"]),
        (#"const f = () => { require("./a") }; class C { m(x) { require("./a") } }"#, []),
        (#"if (x) { require("./a") } for (;;) { require("./b") }"#, ["a.js", "b.js"]),
        (#"try { require("./none") } catch (e) { require("./a") }"#, ["a.js"]),
        (#"(function () { require("./a") })(); !function (x) { require("./b") }()"#, ["a.js", "b.js"]),
        (#"Object.defineProperty(x, "y", { get: function () { return require("./a") } })"#, []),
        (#"x.require("./a"); require(name); require("./" + name)"#, []),
        ("#!/usr/bin/env node\nrequire('./a')", ["a.js"]), (#"require("./main"); require("/app/a")"#, ["a.js"]),
    ])
    func modulesAtTheTopAreLoaded(script: String, modules: [String]) async throws {
        #expect(try await loaded(script) == modules)
    }

    /// The file that a package of this description gives for its name.
    @Test(arguments: [
        (nil, "index.js"), (#"{"main": "lib"}"#, "lib/index.js"), (#"{"main": "./lib/x.js"}"#, "lib/x.js"),
        (#"{"main": "none"}"#, "index.js"), (#"{"exports": "./lib/x.js"}"#, "lib/x.js"),
        (#"{"exports": {".": {"import": "./no.js", "require": "./lib/x.js"}}}"#, "lib/x.js"),
        (#"{"exports": {"import": "./no.js", "node": {"default": "./lib/x.js"}}, "main": "lib"}"#, "lib/x.js"),
        (#"{"exports": {".": ["./lib/x.js"]}}"#, "lib/x.js"), ("{ broken", "index.js"),
    ])
    func aPackageSaysWhichFileItIs(description: String?, file name: String) async throws {
        let place = "app/node_modules/pack"
        let files = Tar {
            if let description { file("\(place)/package.json", description) }
            file("\(place)/index.js"); file("\(place)/lib/index.js"); file("\(place)/lib/x.js"); file("\(place)/no.js")
        }
        let described = description == nil ? [] : ["node_modules/pack/package.json"]
        #expect(try await loaded(#"require("pack")"#, files: files) == described + ["node_modules/pack/\(name)"])
    }

    @Test func packagesAreLookedForInAllDirectoriesAbove() async throws {
        let files = Tar {
            file("app/node_modules/one/index.js", ##"require("two"); require("@scope/three/sub"); require("#inner")"##)
            file("app/node_modules/one/package.json", ##"{"imports": {"#inner": "./inner.js"}}"##)
            file("app/node_modules/one/inner.js")
            file("app/node_modules/one/node_modules/two/index.js"); file("app/node_modules/two/index.js")
            file("node_modules/@scope/three/package.json", #"{"exports": {"./*": "./src/*.js"}}"#)
            file("node_modules/@scope/three/src/sub.js")
        }
        #expect(
            try await loaded(#"require("one")"#, files: files) == [
                "node_modules/one/package.json", "node_modules/one/index.js",
                "node_modules/one/node_modules/two/index.js",
                "node_modules/@scope/three/package.json", "node_modules/@scope/three/src/sub.js",
                "node_modules/one/inner.js",
            ])
    }

    @Test(arguments: [
        ["node", "-e", #"require("./a")"#], ["node", "--enable-source-maps", "-r", "./a", "main.js"],
        ["node", "--require", "./a", "."],
    ])
    func theCommandLineSaysWhatRuns(command: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/node", TinyELF()); file("app/main.js"); file("app/a.js")
                file("app/package.json", #"{"main": "main.js"}"#)
            }, command: command, directory: "/app")
        #expect(try await image.paths.contains("app/a.js"))
        #expect(try await image.paths.contains("app/main.js") == !command.contains("-e"))
    }

    @Test func scriptsOfAPackageAreFollowed() async throws {
        let image = try StaticTestImage(
            Tar {
                program("bin/sh", TinyELF()); program("usr/bin/node", TinyELF())
                symlink("usr/bin/npm", to: "../lib/node_modules/npm/bin/npm-cli.js")
                program("usr/lib/node_modules/npm/bin/npm-cli.js", "#!/usr/bin/env node\n")
                program("usr/bin/env", TinyELF())
                file("app/package.json", #"{"scripts": {"start": "NODE_ENV=production tool server.js"}}"#)
                symlink("app/node_modules/.bin/tool", to: "../tool/cli.js")
                program("app/node_modules/tool/cli.js", "#!/usr/bin/env node\n")
            }, command: ["npm", "run", "start"], directory: "/app")
        #expect(try await image.paths.last == "app/node_modules/tool/cli.js")
    }
}
