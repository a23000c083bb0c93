import Archive
import OCI

/// Tells from an image alone which files its workload needs first: nothing is run, and no network is asked.
///
/// What the loader, the C library, and the interpreters that are most in use do at the start is known well enough; the
/// rest is left out. The same image gives the same profile on every machine.
package struct StaticProfiler: Profiler {
    package init() {}

    /// The files that the command of the image opens until it does its work, by first use as far as it can be told.
    ///
    /// - Throws: when the image cannot be read.
    package func profile(of image: ReadableImage) async throws -> Profile {
        let workload = image.configuration.workload
        let files = VisitedFiles(of: image)
        var environment: [String: String] = [:]
        for variable in workload.environment {
            guard let mark = variable.firstIndex(of: "=") else { continue }
            environment[String(variable[..<mark])] = String(variable[variable.index(after: mark)...])
        }
        let launch = Launch(
            arguments: workload.arguments, environment: environment, directory: EntryPath(workload.workingDirectory),
            isRoot: ["", "0", "root"].contains(workload.user.prefix { $0 != ":" }))
        try await StaticWalk(files).start(launch)
        return files.profile
    }
}
