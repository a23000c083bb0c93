import Profiles
import TestSupport
import Testing

/// Which files an interpreter of Python opens before and while it imports what a program asks for.
struct StaticPythonTests {
    /// An installation with a library of a few modules.
    @TarBuilder private func installation(version: String = "3.12", prefix: String = "usr") -> [TarItem] {
        program(
            "\(prefix)/bin/python\(version)",
            TinyELF(interpreter: "/lib64/ld.so", symbols: ["PyInit_time", "PyInit__io"]))
        symlink("\(prefix)/bin/python3", to: "python\(version)")
        file("lib64/ld.so", TinyELF().bytes)
        for name in ["os", "io", "abc", "codecs", "site", "json/__init__", "json/decoder", "re", "string", "runpy"] {
            file("\(prefix)/lib/python\(version)/\(name).py", name == "json/__init__" ? "from .decoder import x" : "")
        }
        file("\(prefix)/lib/python\(version)/encodings/__init__.py", "from . import aliases")
        file("\(prefix)/lib/python\(version)/encodings/aliases.py", "")
        file("\(prefix)/lib/python\(version)/encodings/utf_8.py", "")
        directory("\(prefix)/lib/python\(version)/site-packages")
    }

    /// What is opened after the start of the interpreter, names of its own library shortened.
    private func imported(
        _ script: String, files: Tar = Tar(.ustar, items: []), command: [String] = ["python3", "/app/main.py"],
        environment: [String] = []
    ) async throws -> [String] {
        let image = try StaticTestImage(
            Tar {
                installation(); file("app/main.py", script)
            }, files, command: command, environment: ["PATH=/usr/bin"] + environment, directory: "/app")
        let library = "usr/lib/python3.12/"
        return try await image.paths.filter { !$0.hasPrefix(library + "encodings/") }.dropFirst(2).map {
            $0.hasPrefix(library) ? String($0.dropFirst(library.count)) : $0
        }
    }

    @Test func whatTheInterpreterNeedsComesFirst() async throws {
        let image = try StaticTestImage(
            Tar {
                installation(); file("app/main.py", "")
            }, command: ["/usr/bin/python3", "/app/main.py"])
        let library = "usr/lib/python3.12"
        #expect(
            try await image.paths == [
                "usr/bin/python3.12", "lib64/ld.so", "\(library)/encodings/__init__.py",
                "\(library)/encodings/aliases.py",
                "\(library)/encodings/utf_8.py", "app/main.py",
            ])
    }

    @Test func before3Point11ModulesOfTheStartAreFiles() async throws {
        let image = try StaticTestImage(
            Tar { installation(version: "3.9") }, command: ["/usr/bin/python3.9", "-c", "import re"])
        let paths = try await image.paths
        #expect(paths.contains("usr/lib/python3.9/os.py") && paths.contains("usr/lib/python3.9/site.py"))
        #expect(paths.last == "usr/lib/python3.9/re.py")
    }

    @Test(arguments: [
        ("import re, string", ["re.py", "string.py"]), ("import re as r; import string", ["re.py", "string.py"]),
        ("from re import (\n  x,  # import string\n  y)", ["re.py"]), ("import \\\n  re", ["re.py"]),
        ("import json.decoder", ["json/__init__.py", "json/decoder.py"]),
        ("from json import decoder", ["json/__init__.py", "json/decoder.py"]),
        ("\"\"\"\nimport re\n\"\"\"\nimport string", ["string.py"]), ("x = 'import re'", []), ("# import re", []),
        ("def f():\n    import re\nasync def g():\n  import re\nimport string", ["string.py"]),
        ("class C:\n    import re", ["re.py"]), ("with x:\n\timport re\n", ["re.py"]), ("if x: import re", ["re.py"]),
        ("import importlib\nimportlib.import_module('re')", ["re.py"]), ("__import__(\"re\")", ["re.py"]),
        ("import_module(name)", []), ("import nothing\nimport re", ["re.py"]), ("import re\nimport re", ["re.py"]),
        ("import os, sys, time", []),
    ])
    func importsAtTheTopAreFollowed(script: String, modules: [String]) async throws {
        #expect(try await imported(script) == ["app/main.py"] + modules)
    }

    @Test(arguments: [
        ("try:\n  import nothing\nexcept ImportError:\n  import re", ["re.py"]),
        ("try:\n  import nothing, string\nexcept ModuleNotFoundError: import re\nelse: import json", ["re.py"]),
        ("try:\n  import string\nexcept ImportError:\n  import re\nfinally:\n  pass", ["string.py"]),
        ("try:\n  import string\nexcept ImportError:\n  pass\nelse:\n  import re", ["string.py", "re.py"]),
        ("try:\n  import time\nexcept:\n  import re", []),
        ("try:\n  import nothing\nexcept KeyError:\n  import re", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import re", []),
        ("import sys\nif sys.version_info >= (3, 9):\n  import re\nelse:\n  import string", ["re.py"]),
        ("if sys.version_info[0] < 3:\n  import re\nelse:\n  import string", ["string.py"]),
        ("if sys.platform == 'win32':\n  import re\nelif os.name == \"posix\":\n  import string", ["string.py"]),
        ("if unknown():\n  import re\nelse:\n  import string", ["re.py", "string.py"]),
        ("if __name__ == '__main__':\n  import re", ["re.py"]),
        ("if not (sys.version_info < (3, 9)) and x:\n  import re", ["re.py"]),
    ])
    func branchesThatAreNotTakenAreLeftOut(script: String, modules: [String]) async throws {
        #expect(try await imported(script) == ["app/main.py"] + modules)
    }

    @Test func packagesImportTheirOwnModules() async throws {
        let files = Tar {
            file("app/own/__init__.py", "from .a import x\nfrom . import b\nif __name__ == '__main__': import string")
            file("app/own/a.py", "from . import c\nfrom .. import unused")
            file("app/own/b/__init__.py", "from ..b import d\nfrom ...own import unused"); file("app/own/b/d.py");
            file("app/own/c.py")
            file("app/own/unused.py"); file("app/names/deep/e.py")
        }
        #expect(
            try await imported("import own\nimport names.deep.e", files: files) == [
                "app/main.py", "app/own/__init__.py", "app/own/a.py", "app/own/c.py", "app/own/b/__init__.py",
                "app/own/b/d.py", "app/names/deep/e.py",
            ])
    }

    @Test func extensionModulesBringTheirLibraries() async throws {
        let files = Tar {
            file("app/fast.cpython-312-powerpc-linux-gnu.so", TinyELF.library("libm.so").bytes)
            file("app/fast.py"); file("app/other.abi3.so", TinyELF().bytes); file("app/fast.cpython-311-x.so")
            file("lib64/libm.so", TinyELF().bytes)
        }
        #expect(
            try await imported("import fast, other", files: files) == [
                "app/main.py", "app/fast.cpython-312-powerpc-linux-gnu.so", "lib64/libm.so", "app/other.abi3.so",
            ])
    }

    /// A compiled file holds the time and the size of its source, or a hash of it.
    @Test(arguments: [
        (flags: 0, time: 77, size: 4, opened: ["pyc"]), (flags: 0, time: 78, size: 4, opened: ["pyc", "py"]),
        (flags: 0, time: 77, size: 5, opened: ["pyc", "py"]), (flags: 1, time: 0, size: 0, opened: ["pyc"]),
        (flags: 3, time: 0, size: 0, opened: ["pyc", "py"]),
    ])
    func aCompiledFileStandsForItsSourceWhenItIsFresh(
        flags: Int, time: Int, size: Int, opened: [String]
    ) async throws {
        func number(_ value: Int) -> [UInt8] { [UInt8(value), 0, 0, 0] }
        let files = Tar {
            file("app/m.py", "x=1\n").modified(77)
            file("app/__pycache__/m.cpython-312.pyc", number(1) + number(flags) + number(time) + number(size))
            file("app/__pycache__/m.cpython-311.pyc")
        }
        let paths = ["pyc": "app/__pycache__/m.cpython-312.pyc", "py": "app/m.py"]
        #expect(try await imported("import m", files: files) == ["app/main.py"] + opened.compactMap { paths[$0] })
    }

    @Test func aCompiledFileLiesBesideTheNameOfItsSource() async throws {
        let files = Tar {
            symlink("app/m.py", to: "/etc/m.py"); file("etc/m.py").modified(1)
            file("app/__pycache__/m.cpython-312.pyc", [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        }
        #expect(try await imported("import m", files: files) == ["app/main.py", "app/__pycache__/m.cpython-312.pyc"])
    }

    @Test(arguments: [
        (["python3", "-c", "import re"], ["re.py"]), (["python3", "-u", "-W", "error", "-cimport re"], ["re.py"]),
        (["python3", "-m", "tool", "x"], ["runpy.py", "app/tool/__init__.py", "app/tool/__main__.py", "re.py"]),
        (["python3", "-Im", "tool"], ["runpy.py"]),
        (["python3", "-m", "tool.part"], ["runpy.py", "app/tool/__init__.py", "app/tool/part.py"]),
        (["python3", "tool"], ["app/tool/__main__.py", "re.py"]), (["python3"], []), (["python3", "-"], []),
        (["python3", "main.py", "tool.part:app"], ["app/main.py", "app/tool/__init__.py", "app/tool/part.py"]),
    ])
    func theCommandLineSaysWhatRuns(command: [String], paths: [String]) async throws {
        let files = Tar {
            file("app/tool/__init__.py"); file("app/tool/__main__.py", "import re"); file("app/tool/part.py")
        }
        let opened = try await imported("", files: files, command: command)
        // Frozen since 3.11.
        #expect(opened == paths.filter { $0 != "runpy.py" })
    }

    @Test func sitePackagesAndTheirPathFilesAreSearched() async throws {
        let site = "usr/lib/python3.12/site-packages"
        let files = Tar {
            file("\(site)/a.pth", "# comment\n/opt/more\nimport re; re.x()\nnowhere\n")
            file("\(site)/one.py"); file("opt/more/two.py"); file("srv/three.py")
            file("usr/lib/python3/dist-packages/four.py")
        }
        #expect(
            try await imported("import one, two, three, four", files: files, environment: ["PYTHONPATH=/none:/srv"])
                == [
                    "site-packages/a.pth", "re.py", "app/main.py", "site-packages/one.py", "opt/more/two.py",
                    "srv/three.py",
                    "usr/lib/python3/dist-packages/four.py",
                ])
    }

    @Test func aVirtualEnvironmentHasSitePackagesOfItsOwn() async throws {
        let image = try StaticTestImage(
            Tar {
                installation(prefix: "usr/local")
                symlink("venv/bin/python", to: "python3"); symlink("venv/bin/python3", to: "/usr/local/bin/python3")
                file("venv/pyvenv.cfg", "home = /usr/local/bin\ninclude-system-site-packages = false\n")
                file("venv/lib/python3.12/site-packages/inner.py")
                file("usr/local/lib/python3.12/site-packages/outer.py")
                program("venv/bin/tool", "#!/venv/bin/python\nimport inner\nimport outer\n")
            }, command: ["/venv/bin/tool"])
        let paths = try await image.paths
        #expect(paths.contains("venv/pyvenv.cfg") && paths.contains("usr/local/bin/python3.12"))
        #expect(paths.last == "venv/lib/python3.12/site-packages/inner.py")
        #expect(!paths.contains("usr/local/lib/python3.12/site-packages/outer.py"))
    }
}
