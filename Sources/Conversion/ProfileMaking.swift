import Content
import EStargz
import Profiles
import Transports

/// Has a profiler say which files of an image come first; writes nothing.
package struct ProfileMaking: Sendable {
    private let request: ConversionRequest
    private let source: any ImageSource
    private let events: @Sendable (ConversionEvent) -> Void

    /// - Parameters:
    ///   - request: how large layers may be, where they are inflated, and of which platforms.
    ///   - source: where the image is.
    ///   - events: called with the progress.
    package init(
        _ request: ConversionRequest, from source: any ImageSource,
        events: @escaping @Sendable (ConversionEvent) -> Void
    ) {
        self.request = request
        self.source = source
        self.events = events
    }

    /// Reads all layers of the image.
    ///
    /// - Returns: what the profiler names and the image has, of all platforms, one after the other.
    /// - Throws: what keeps the image from being read, and what the profiler throws.
    package func run(_ profiler: any Profiler) async throws -> Profile {
        let warn: @Sendable (String) -> Void = { events(.warning($0)) }
        let selection = ImageTreeReader.Selection(platforms: request.platforms)
        let tree = try await ImageTreeReader(of: source, selection, warn: warn).read()
        let profiling = ImageProfiling(source: source, request: request, events: events, warn: warn)
        return try await profiling.run(tree, with: profiler).record
    }
}
