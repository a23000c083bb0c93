import Archive
import Content
import EStargz
import OCI

extension ImageReport {
    /// How many of the largest files are named for each layer.
    package static let namedFiles = 10

    package var json: JSON {
        var json = JSON.object(JSON.Object())
        json["image"] = .string(name)
        json["manifest"] = .string(manifest.description)
        json["platform"] = platform.map { .string($0.description) }
        json["size"] = .integer(size)
        json["sourceSize"] = sourceSize.map(JSON.integer)
        json["growth"] = growth?.json
        json["prefetchSize"] = .integer(prefetchSize)
        json["layers"] = .array(layers.map(\.json))
        var start = JSON.object(JSON.Object())
        start["basis"] = .string(self.start.basis.rawValue)
        if let profile {
            start["found"] = .integer(profile.foundCount)
            start["missing"] = .array(profile.missing.map(JSON.string))
        }
        start["bandwidth"] = .integer(line.bandwidth)
        start["roundTripMilliseconds"] = .integer(line.roundTripMilliseconds)
        start["before"] = self.start.before.json(over: line)
        start["onDemand"] = self.start.onDemand.json(over: line)
        if profile != nil { start["ready"] = self.start.ready.json(over: line) }
        start["pull"] = self.start.pull.json(over: line)
        start["assumptions"] = .array(assumptions.map(JSON.string))
        json["start"] = start
        return json
    }
}

extension StartEstimate.Line {
    package var roundTripMilliseconds: Int64 {
        let (seconds, attoseconds) = roundTrip.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

extension StartEstimate.Cost {
    fileprivate func json(over line: StartEstimate.Line) -> JSON {
        var json = JSON.object(JSON.Object())
        json["requests"] = .integer(requests)
        json["bytes"] = .integer(bytes)
        json["milliseconds"] = .integer(milliseconds(over: line))
        return json
    }
}

extension ReportedLayer {
    fileprivate var json: JSON {
        var json = JSON.object(JSON.Object())
        json["number"] = .integer(number)
        json["digest"] = .string(descriptor.digest.description)
        json["size"] = .integer(size)
        json["sourceSize"] = sourceSize.map(JSON.integer)
        json["growth"] = growth?.json
        json["lazy"] = .bool(contents != nil)
        json["reason"] = reason.map(JSON.string)
        guard let contents else { return json }
        json["format"] = .string(contents.format.rawValue)
        json["entries"] = .integer(contents.entryCount)
        json["files"] = .integer(contents.fileCount)
        json["members"] = .integer(contents.map.memberCount)
        json["tocSize"] = .integer(contents.tocSize)
        json["tocTextSize"] = .integer(contents.tocTextSize)
        json["landmark"] = contents.landmark.map { .string($0.rawValue) }
        json["prefetchSize"] = .integer(contents.prefetchEnd)
        json["prefetchFiles"] = .integer(contents.prefetched.count)
        json["largest"] = .array(contents.map.largest(ImageReport.namedFiles).map(\.json))
        let dense = contents.map.dense
        json["denseFiles"] = .integer(dense.count)
        json["denseSize"] = .integer(dense.totalCompressedSize)
        json["densest"] = .array(dense.prefix(ImageReport.namedFiles).map(\.json))
        return json
    }
}

extension LayerMap {
    /// The files that take most of the blob, largest first.
    package func largest(_ count: Int) -> ArraySlice<File> {
        Self.bySize(files).prefix(count)
    }

    /// The files in which compression gains next to nothing, largest first.
    package var dense: [File] { Self.bySize(files.filter(\.isDense)) }

    private static func bySize(_ files: [File]) -> [File] {
        files.sorted {
            ($1.compressedSize, $0.range.lowerBound, $0.entry) < ($0.compressedSize, $1.range.lowerBound, $1.entry)
        }
    }
}

extension [LayerMap.File] {
    package var totalCompressedSize: Int64 { reduce(0) { $0.addingSaturated($1.compressedSize) } }
}

extension LayerMap.File {
    fileprivate var json: JSON {
        var json = JSON.object(JSON.Object())
        json["path"] = .string(path.description)
        json["offset"] = .integer(range.lowerBound)
        json["size"] = .integer(size)
        json["compressedSize"] = .integer(compressedSize)
        return json
    }
}
