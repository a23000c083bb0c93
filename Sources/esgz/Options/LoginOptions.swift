import ArgumentParser
import Content
import SystemPackage
import Transports

/// What login and logout have in common.
struct LoginOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Keep credentials in this file, as Podman does. (default: $REGISTRY_AUTH_FILE, else config.json in \
            $DOCKER_CONFIG or ~/.docker)
            """, valueName: "file"))
    var authfile: String?

    @Flag(help: "Print the result as JSON on stdout.")
    var json = false

    func validate() throws {
        guard authfile?.isEmpty != true else { throw ValidationError("--authfile: expected a file") }
    }

    var search: CredentialSearch { CredentialSearch(file: authfile.map { FilePath($0) }) }

    /// Prints a result, in words or as an object.
    func show(_ text: String, _ members: [(key: String, value: JSON)]) throws {
        var object = JSON.Object()
        for member in members { object[member.key] = member.value }
        try Terminal.print(json ? JSON.object(object).shownText : text)
    }
}
