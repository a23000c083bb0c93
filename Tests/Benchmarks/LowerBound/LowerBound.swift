import Archive
import Content
import EStargz
import Glibc
import OCI
import SystemPackage
import Transports

/// The least that a conversion must do: inflate each layer, index it, compute every digest that is needed, and compress
/// every member, in memory, without writing or waiting.
///
/// Every core does the whole work once, at the same time; divided by the cores, that is how fast a conversion could be
/// if nothing else cost anything and no core were ever idle. Usage: `lower-bound LAYOUT TAG [LEVEL]`.
@main
struct LowerBound {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let level = CompressionLevel(arguments.count > 3 ? Int(arguments[3]) ?? -1 : 6)
        else {
            print("usage: lower-bound LAYOUT TAG [LEVEL]")
            exit(2)
        }
        let layers = try await readLayers(FilePath(arguments[1]), tag: arguments[2])
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

        let (wall, cpu) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
        let bytes = try await convert(layers, level: level, times: cores)
        let (wallPassed, cpuPassed) = (seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu)
        print(#"{"wall":\#(wallPassed / Double(cores)),"cpu":\#(cpuPassed / Double(cores)),"output":\#(bytes)}"#)
    }

    /// Converts everything as often as said, at the same time; returns how many bytes one conversion makes.
    private nonisolated static func convert(
        _ layers: [LayerInMemory], level: CompressionLevel, times: Int
    ) async throws -> Int64 {
        try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<times {
                group.addTask {
                    try await onThread { try layers.reduce(Int64(0)) { try $0 + $1.convert(level: level) } }
                }
            }
            return try await group.reduce(0) { max($0, $1) }
        }
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func readLayers(_ directory: FilePath, tag: String) async throws -> [LayerInMemory] {
        let source = try ImageLocation.layout(directory, tag: tag).openSource(
            TransportOptions(temporaryDirectory: "/tmp", network: Network(CurlClient(insecure: false))))
        let root = try await source.resolve()
        let manifest = try Manifest(try await source.document(root), as: root.mediaType)
        let configuration = try ImageConfiguration(try await source.document(manifest.configuration))
        var layers: [LayerInMemory] = []
        for (layer, diffID) in zip(manifest.layers, configuration.diffIDs) {
            let blob = try await source.withBlob(layer, progress: { _ in }) {
                try MemoryBlob(reading: $0, count: layer.size)
            }
            layers.append(
                LayerInMemory(
                    blob: blob, identity: LayerIdentity(digest: layer.digest, size: layer.size, diffID: diffID)))
        }
        return layers
    }
}

/// A compressed layer that is in memory already.
private struct LayerInMemory: Sendable {
    let blob: MemoryBlob
    let identity: LayerIdentity

    /// Does the work, and returns how many bytes the members take.
    func convert(level: CompressionLevel) throws -> Int64 {
        let sink = MemorySink()
        let stream = try TarStream(blob, into: sink, expecting: identity, limit: 64 << 30) { _ in }
        var plan = LayerPlan(chunkSize: LayerPlan.defaultChunkSize)
        while let entry = try stream.next() { plan.add(entry) }
        plan.finish()

        let compressor = try GzipCompressor(level: level)
        var (blobHasher, diffHasher, fileHasher) = (Hasher(), Hasher(), Hasher())
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 << 20, alignment: 64)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: compressor.bound(8 << 20), alignment: 64)
        defer {
            room.deallocate()
            output.deallocate()
        }
        while let member = plan.next(arrived: .max) {
            let input = UnsafeMutableRawBufferPointer(rebasing: room[..<Int(member.count)])
            sink.gather(member, into: input)
            let bytes = UnsafeRawBufferPointer(input)
            for case .chunk(let offset, let size) in member.items.prefix(1) {
                let chunk = UnsafeRawBufferPointer(rebasing: bytes[..<Int(size)])
                _ = Digest(of: chunk)
                // Files of one chunk need no digest of their own.
                if offset > 0 || size == LayerPlan.defaultChunkSize { fileHasher.update(chunk) }
            }
            diffHasher.update(bytes)
            let count = try compressor.compress(bytes, into: output)
            blobHasher.update(UnsafeRawBufferPointer(rebasing: output[..<count]))
        }
        return blobHasher.count
    }
}

private struct MemoryBlob: ByteSource {
    let bytes: [UInt8]

    init(reading source: any ByteSource, count: Int64) throws {
        bytes = try [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            try source.readAll(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
            filled = Int(count)
        }
    }

    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let part = bytes[min(Int(offset), bytes.count)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }
}

/// Takes the inflated layer in address space that is reserved once, so that nothing is ever moved.
private final class MemorySink: TarSink {
    private static let capacity = 16 << 30
    private let memory: UnsafeMutableRawBufferPointer
    private var count = 0

    init() {
        let start = mmap(
            nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        memory = UnsafeMutableRawBufferPointer(start: start, count: Self.capacity)
    }

    deinit {
        munmap(memory.baseAddress, Self.capacity)
    }

    func room() -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + 256 << 10])
    }

    func advance(_ count: Int) {
        self.count += count
    }

    func bytes(in range: Range<Int64>) -> [UInt8] {
        Array(memory[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    func endEntries() {}

    func gather(_ member: Member, into output: UnsafeMutableRawBufferPointer) {
        var position = 0
        for segment in member.segments {
            let part = UnsafeMutableRawBufferPointer(rebasing: output[position..<position + Int(segment.count)])
            switch segment {
            case .source(let range): part.copyBytes(from: memory[Int(range.lowerBound)..<Int(range.upperBound)])
            case .literal(let bytes): part.copyBytes(from: bytes)
            case .zeros: part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            position += part.count
        }
    }
}
