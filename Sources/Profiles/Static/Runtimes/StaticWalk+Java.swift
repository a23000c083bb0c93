import Archive

extension StaticWalk {
    /// What the launcher and the machine read before the first class of the program, seen from the home of the
    /// runtime, in order; older runtimes have it below `jre` and in a directory for the machine.
    private static let javaFiles = [
        "lib/jvm.cfg", "lib/server/libjvm.so", "lib/libjimage.so", "lib/modules", "lib/libjava.so", "lib/rt.jar",
        "lib/server/classes.jsa", "lib/libzip.so", "lib/libjsvml.so", "lib/libnio.so", "lib/libnet.so",
        "conf/security/java.security",
    ]

    /// Notes what a Java machine opens, and the archives of the program.
    func runJava(_ program: Program, _ launch: Launch) async throws {
        let home = program.node.path.directory.directory
        for name in Self.javaFiles {
            guard let node = files.findFile(home.appending(name.utf8)) else { continue }
            if name.hasSuffix(".so") { try await program.loader.open(node) } else { files.open(node) }
        }
        try await StartupFiles(files, launch.environment).open(for: program, in: "libjvm")
        var rest = launch.arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "-jar": open(classPath: rest.first ?? "", launch)
            case "-cp", "-classpath", "--class-path", "-p", "--module-path":
                open(classPath: rest.popFirst() ?? "", launch)
            case _ where word.hasPrefix("-javaagent:"):
                open(classPath: String(word.dropFirst("-javaagent:".count).prefix { $0 != "=" }), launch)
            default: break
            }
            // What follows is the program's own.
            if word == "-jar" || !word.hasPrefix("-") { break }
        }
        if let path = launch.environment["CLASSPATH"] { open(classPath: path, launch) }
    }

    /// The archives of a class path; `dir/*` stands for all in a directory.
    private func open(classPath: String, _ launch: Launch) {
        for part in classPath.split(separator: ":") {
            for node in files.included(part.hasSuffix("/*") ? part + ".jar" : String(part), from: launch.directory) {
                files.open(node)
            }
        }
    }
}
