import Content
import OCI
import SystemPackage

extension Engine {
    /// An image of the engine, which is asked for it once.
    func source(_ image: DaemonImage, _ options: TransportOptions) -> any ImageSource {
        ImageArchive {
            let spool = try SpoolFile(in: options.temporaryDirectory)
            let url = try root.resolving("/images/\(image)/get")
            _ = try await send(HTTPRequest(.get, url, receiver: .sink(SpoolSink(spool: spool))))
            let members = try await ArchiveMembers(
                spool.slice, path: FilePath("the archive from \(name)"), location: "docker-daemon:\(image)")
            return try await onCancellableThread { cancellation in
                do {
                    return try members.savedImage(nil, cancellation)
                } catch let failure as SavedImageFailure where failure.kind == .usage {
                    // More than what was asked for.
                    guard case .name(let reference) = image else { throw failure }
                    return try members.savedImage(.name(reference), cancellation)
                }
            }
        }
    }

    /// Where the engine loads an image from; it gets the whole image in one piece.
    func destination(
        _ image: DaemonImage, additionalTags: [String], _ options: TransportOptions
    ) throws -> ArchiveDestination {
        let references: [ImageReference]
        switch image {
        case .name(let reference): references = try reference.adding(additionalTags)
        case .id(let digest): throw ArchiveNamesFailure.imageID(digest)
        }
        return ArchiveDestination(.docker(references), temporaryDirectory: options.temporaryDirectory) {
            try await occupants(references)
        } deliver: { members in
            let spool = try SpoolFile(in: options.temporaryDirectory)
            try await onCancellableThread { cancellation in
                try members.writeTar { piece in
                    try cancellation.check()
                    try spool.append(piece)
                }
            }
            try await load(spool.slice)
        }
    }

    private func occupants(_ references: [ImageReference]) async throws -> [Occupant] {
        var occupants: [Occupant] = []
        for reference in references {
            do {
                _ = try await send(
                    HTTPRequest(
                        .get, try root.resolving("/images/\(reference)/json"),
                        receiver: .memory(limit: Document.sizeLimit)))
                occupants.append(Occupant(name: reference.familiarName, digest: nil))
            } catch let failure as EngineFailure where failure.kind == .notFound {
                // Nothing has that name yet.
                continue
            }
        }
        return occupants
    }

    private func load(_ archive: FileSlice) async throws {
        let response = try await send(
            HTTPRequest(
                .post, try root.resolving("/images/load").appending("quiet", "1"),
                headers: ["Content-Type": "application/x-tar"], body: .source(archive, 0..<archive.count),
                receiver: .memory(limit: 1 << 20)))
        // A stream of JSON objects that tells of errors after its status, which was that of success.
        for line in response.body.split(separator: UInt8(ascii: "\n")) {
            // Not JSON, so not an error that the engine tells of either.
            guard let message = try? JSON(parsing: Array(line)) else { continue }
            if let text = message["errorDetail"]?["message"]?.string ?? message["error"]?.string {
                throw EngineFailure.load(name, text.prefix(500).printable)
            }
        }
    }
}

/// Takes the answer to a request into a file.
private struct SpoolSink: HTTPBodySink {
    let spool: SpoolFile

    func begin(_ response: HTTPResponse) {}
    func append(_ bytes: UnsafeRawBufferPointer) throws { try spool.append(bytes) }
    func end() {}
}
