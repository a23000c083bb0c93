import Profiles
import TestSupport
import Testing

/// What Ruby, Perl and Java open for a program.
struct StaticRuntimeTests {
    private func opened(_ command: [String], _ files: Tar, environment: [String] = []) async throws -> [String] {
        let image = try StaticTestImage(
            Tar {
                program("usr/bin/\(command[0])", TinyELF(interpreter: "/lib64/ld.so"));
                file("lib64/ld.so", TinyELF().bytes)
            }, files, command: command, environment: ["PATH=/usr/bin"] + environment, directory: "/app")
        return try await image.paths.dropFirst(2).map { $0.hasPrefix("app/") ? String($0.dropFirst(4)) : $0 }
    }

    @Test(arguments: [
        (#"require "json""#, ["usr/lib/ruby/3.1.0/json.rb"]),
        (#"require('json/ext')"#, ["usr/lib/x-linux/ruby/3.1.0/json/ext.so"]),
        (#"require_relative "lib/own""#, ["lib/own.rb", "lib/more.rb"]),
        ("def f(x = 1)\n  require 'json'\nend\nrequire 'set'", ["usr/lib/ruby/vendor_ruby/set.rb"]),
        ("def f = 1\nrequire 'set'", ["usr/lib/ruby/vendor_ruby/set.rb"]),
        (
            "class C\n  require 'set'\n  def x; end\n  require 'json'\nend",
            ["usr/lib/ruby/vendor_ruby/set.rb", "usr/lib/ruby/3.1.0/json.rb"]
        ),
        ("=begin\nrequire 'set'\n=end\n# require 'set'\n__END__\nrequire 'set'", []),
        ("require \"a#{b}\"\nrequire name", []),
        ("require 'sinatra'", ["var/lib/gems/3.1.0/gems/sinatra-3/lib/sinatra.rb"]),
    ])
    func rubyLoadsWhatIsRequired(script: String, paths: [String]) async throws {
        let files = Tar {
            file("usr/lib/ruby/3.1.0/json.rb"); file("usr/lib/ruby/vendor_ruby/set.rb")
            file("usr/lib/x-linux/ruby/3.1.0/json/ext.so", TinyELF().bytes)
            file("var/lib/gems/3.1.0/gems/sinatra-3/lib/sinatra.rb"); directory("var/lib/gems/3.1.0/specifications")
            file("app/lib/own.rb", "require_relative 'more'"); file("app/lib/more.rb"); file("app/main.rb", script)
        }
        #expect(try await opened(["ruby", "main.rb"], files) == ["main.rb"] + paths)
        #expect(try await opened(["ruby", "-w", "-e", script], files) == paths)
    }

    @Test func rubyReadsItsEncodingsAndItsGemsFirst() async throws {
        let files = Tar {
            file("usr/lib/ruby/3.1.0/rubygems.rb", "require 'rubygems/errors'");
            file("usr/lib/ruby/3.1.0/rubygems/errors.rb")
            file("usr/lib/ruby/3.1.0/enc/encdb.so", TinyELF().bytes)
            file("usr/lib/ruby/gems/3.1.0/specifications/default/a.gemspec")
            file("usr/lib/ruby/gems/3.1.0/specifications/b.gemspec"); directory("usr/lib/ruby/gems/3.1.0/gems/b/lib")
        }
        let start = [
            "usr/lib/ruby/3.1.0/enc/encdb.so", "usr/lib/ruby/3.1.0/rubygems.rb",
            "usr/lib/ruby/3.1.0/rubygems/errors.rb",
            "usr/lib/ruby/gems/3.1.0/specifications/default/a.gemspec",
        ]
        #expect(try await opened(["ruby"], files) == start)
        #expect(
            try await opened(["ruby", "none.rb"], files) == start + ["usr/lib/ruby/gems/3.1.0/specifications/b.gemspec"]
        )
    }

    @Test(arguments: [
        ("use JSON;", ["usr/share/perl5/JSON.pm"]), ("use strict; use JSON qw(x);", ["usr/share/perl5/JSON.pm"]),
        ("require Own::Part;\nsub f {\n  require JSON;\n}", ["lib/Own/Part.pm", "usr/share/perl5/JSON.pm"]),
        (
            "use parent -norequire, 'JSON';\nuse base qw/Fast/;",
            [
                "usr/share/perl5/JSON.pm", "usr/lib/x-linux/perl5/5.36/Fast.pm",
                "usr/lib/x-linux/perl5/5.36/auto/Fast/Fast.so",
            ]
        ),
        ("use 5.010;\n# use JSON;\n=pod\n\nuse JSON;\n\n=cut\n__END__\nuse JSON;", []),
    ])
    func perlLoadsWhatIsUsed(script: String, paths: [String]) async throws {
        let files = Tar {
            file("usr/share/perl5/JSON.pm"); file("usr/lib/x-linux/perl5/5.36/Fast.pm")
            file("usr/lib/x-linux/perl5/5.36/auto/Fast/Fast.so", TinyELF().bytes)
            file("app/lib/Own/Part.pm", "use JSON;"); file("app/main.pl", script)
        }
        #expect(
            try await opened(["perl", "-w", "main.pl"], files, environment: ["PERL5LIB=/app/lib"]) == ["main.pl"]
                + paths)
        #expect(try await opened(["perl", "-I", "lib", "-e", script], files) == paths)
    }

    @Test(arguments: [
        (["-jar", "app.jar", "-cp", "x.jar"], ["app.jar"]),
        (["-Xmx1g", "-cp", "app.jar:lib/*:none", "Main"], ["app.jar", "lib/a.jar", "lib/b.jar"]),
        (["-javaagent:/app/x.jar=y", "-classpath", "app.jar", "Main", "-cp", "lib/a.jar"], ["x.jar", "app.jar"]),
    ])
    func javaReadsItsOwnFilesAndTheClassPath(arguments: [String], paths: [String]) async throws {
        let files = Tar {
            for name in ["app.jar", "x.jar", "lib/a.jar", "lib/b.jar", "lib/c.txt"] { file("app/\(name)") }
            file("usr/lib/modules", "x"); file("usr/lib/server/libjvm.so", TinyELF.library("libstdc++.so").bytes)
            file("lib64/libstdc++.so", TinyELF().bytes)
        }
        #expect(
            try await opened(["java"] + arguments, files)
                == ["usr/lib/server/libjvm.so", "lib64/libstdc++.so", "usr/lib/modules"] + paths)
    }
}
