extension ProfileReader {
    /// Reads what `strace -f -e trace=file` prints: the files that were opened for reading, and those that were executed.
    mutating func readStrace(_ bytes: [UInt8]) throws {
        var trace = Trace()
        try forEachLine(of: bytes) { reader, line in
            guard let path = trace.read(line) else { return }
            // These file systems are no part of an image.
            guard !["/proc", "/sys", "/dev"].contains(where: { path.isBelow($0) }) else { return }
            try reader.append(path: path)
        }
    }
}

/// What is known of the traced processes.
private struct Trace {
    private struct Process {
        var directory: [UInt8]?
        /// What descriptors stand for, as far as they were opened by name.
        var files: [Int: [UInt8]] = [:]
        let parent: Int?
    }

    private var waiting: [Int: ArraySlice<UInt8>] = [:]
    private var processes: [Int: Process] = [:]
    private var firstProcess: Int?

    /// The file whose content the call of a line needs; `nil` when there is none.
    mutating func read(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        guard let call = StraceLine(line, waiting: &waiting), let result = call.result else { return nil }
        enter(call.process, parent: firstProcess)
        switch call.name {
        case "execve": return path(of: call, at: call.arguments, from: nil)
        case "open": return opened(call, path(of: call, at: call.arguments, from: nil), as: result)
        case "execveat": return pathAtDescriptor(of: call)
        case "openat", "openat2": return opened(call, pathAtDescriptor(of: call), as: result)
        case "chdir":
            let directory = path(of: call, at: call.arguments, from: nil)
            processes[call.process]?.directory = directory
        case "fork", "vfork", "clone", "clone3": enter(result, parent: call.process)
        default: break
        }
        return nil
    }

    /// Takes note of a process; where the trace does not say who made it, the first one did.
    private mutating func enter(_ number: Int, parent: Int?) {
        if firstProcess == nil { firstProcess = number }
        guard processes[number] == nil else { return }
        let parent = parent == number ? nil : parent
        processes[number] = Process(directory: parent.flatMap { processes[$0]?.directory }, parent: parent)
    }

    /// Takes note of what a descriptor stands for, and says whether its content is needed.
    private mutating func opened(_ call: StraceLine, _ path: [UInt8]?, as descriptor: Int) -> [UInt8]? {
        processes[call.process]?.files[descriptor] = path ?? call.resultPath
        // What is written anew is not read, and directories are read from the table of contents.
        let isRead = ["O_WRONLY", "O_TRUNC", "O_EXCL", "O_DIRECTORY", "O_PATH", "O_TMPFILE"].allSatisfy { flag in
            call.arguments.firstIndex(of: flag) == nil
        }
        return isRead ? path ?? call.resultPath : nil
    }

    /// The path that follows a descriptor, which it is relative to.
    private func pathAtDescriptor(of call: StraceLine) -> [UInt8]? {
        // The descriptor may have a path behind it, which may have commas.
        guard let quote = call.arguments.firstIndex(of: ", \"") else { return nil }
        let descriptor = call.arguments[..<quote]
        let number = descriptor.prefix { $0 != UInt8(ascii: "<") }
        let annotation = StraceLine.annotation(descriptor.dropFirst(number.count))
        var base = annotation
        if base == nil, let number = Int(String(decoding: number, as: UTF8.self)) {
            guard let known = file(number, of: call.process) else { return call.resultPath }
            base = known
        }
        return path(of: call, at: call.arguments[(quote + 2)...], from: base)
    }

    /// A quoted path, made absolute; relative to the working directory where `base` is `nil`.
    private func path(of call: StraceLine, at text: ArraySlice<UInt8>, from base: [UInt8]?) -> [UInt8]? {
        guard let quoted = QuotedText(text), !text[quoted.end...].starts(with: "...".utf8), !quoted.bytes.isEmpty
        else { return nil }
        if quoted.bytes.first == UInt8(ascii: "/") { return quoted.bytes }
        return (base ?? processes[call.process]?.directory ?? []) + [UInt8(ascii: "/")] + quoted.bytes
    }

    /// What a descriptor stands for, in a process or in those that it comes from.
    private func file(_ descriptor: Int, of process: Int) -> [UInt8]? {
        var number: Int? = process
        for _ in 0..<32 {
            guard let next = number, let process = processes[next] else { return nil }
            if let path = process.files[descriptor] { return path }
            number = process.parent
        }
        return nil
    }
}

extension [UInt8] {
    /// Whether an absolute path is a directory, or lies in it.
    fileprivate func isBelow(_ directory: String) -> Bool {
        starts(with: directory.utf8)
            && (count == directory.utf8.count || self[directory.utf8.count] == UInt8(ascii: "/"))
    }
}
