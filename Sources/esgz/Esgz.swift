import ArgumentParser
import CLinux
import Content
import EStargz
import Glibc

/// The process: runs the program on other threads while this one waits for signals.
@main
enum Process {
    static func main() {
        Terminal.openMissingStreams()
        // A closed pipe is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Large pieces of memory go back to the system when they are freed, instead of staying with one thread's heap.
        _ = mallopt(M_MMAP_THRESHOLD, 256 << 10)
        let interruption = Interruption.shared
        // Detached, because `main` belongs to the main actor, and this thread never gets to the actor's work.
        let work = Task.detached {
            let status = await Esgz.run(Array(CommandLine.arguments.dropFirst()))
            Glibc.exit(status == .interrupted ? interruption.exitStatus : status.rawValue)
        }
        interruption.wait { work.cancel() }
    }
}

/// The program: reads the command line, runs a command, and says which exit status fits.
struct Esgz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esgz",
        abstract: "Convert container images to eStargz, which runtimes start before they are pulled.",
        discussion: """
            Needs neither a daemon nor root. The result is an ordinary image for every registry and runtime; with the \
            stargz snapshotter, containerd mounts it at once and fetches files when they are read.
            """,
        version: "\(version) (libdeflate \(GzipCompressor.libraryVersion))",
        subcommands: [
            Convert.self, Optimize.self, ProfileCommand.self, Copy.self,
            Verify.self, Inspect.self, List.self, Cat.self, Stat.self, Find.self, Extract.self, Diff.self, TOC.self,
            Report.self,
            Login.self, Logout.self, Probe.self,
        ])

    static let version = "0.3.0"

    /// Runs the command that the arguments name; everything that goes wrong is said on stderr.
    static func run(_ arguments: [String]) async -> ExitStatus {
        if let mistake = CommandName.mistake(in: arguments) {
            Terminal.say("error: \(mistake)")
            return .usage
        }
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return .success
        } catch is CancellationError {
            Terminal.say("interrupted")
            return .interrupted
        } catch is ClosedOutput {
            // Whoever reads the output has seen enough.
            return .success
        } catch let failure as ReportedFailure {
            return failure.status
        } catch let failure as any Failure {
            // Whatever a message repeats of manifests, headers and archives.
            Terminal.say("error: \(failure.description.printable)")
            return ExitStatus(failure)
        } catch {
            return explain(error)
        }
    }

    /// Help, version and usage errors, as ArgumentParser words them.
    private static func explain(_ error: any Error) -> ExitStatus {
        let message = fullMessage(for: error)
        guard exitCode(for: error) == .success else {
            Terminal.say(message.isEmpty ? "error: \(error)" : message.withLowerCaseError)
            return exitCode(for: error) == .validationFailure ? .usage : ExitStatus(error)
        }
        do {
            try Terminal.print(message)
        } catch {
            // Nobody reads the help any more.
        }
        return .success
    }
}

extension String {
    /// ArgumentParser begins with "Error:", all else here with "error:".
    fileprivate var withLowerCaseError: String {
        hasPrefix("Error:") ? "error:" + dropFirst("Error:".count) : self
    }
}

/// A failure that has been told already, and only decides the exit status.
struct ReportedFailure: Error {
    let status: ExitStatus
}
