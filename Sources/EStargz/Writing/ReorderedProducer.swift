import Archive
import Content

/// Inflates a layer to a file, settles the order of its entries, and hands its members to the workers.
///
/// For layers whose order cannot be kept; `StreamingProducer` does all others without the file.
func produceReordered(
    _ source: any ByteSource, expecting identity: LayerIdentity, limit: Int64, spool: SpoolFile, chunkSize: Int64,
    into work: OrderedWork<Batch, CompressedBatch>
) throws {
    let sink = SpoolSink(spool)
    // The bytes have been counted when they were read for the first time.
    let stream = try TarStream(source, into: sink, expecting: identity, limit: limit) { _ in }
    var entries: [TarEntry] = []
    while let entry = try stream.next() {
        if !SpecialEntry.paths.contains(entry.path) { entries.append(entry) }
    }
    var plan = LayerPlan(chunkSize: chunkSize)
    var batch = Batch()
    func handOut(all: Bool) throws {
        while let member = plan.next(arrived: .max) {
            if batch.count + member.count > Batch.size { try submit() }
            batch.append(member)
        }
        if all { try submit() }
    }
    func submit() throws {
        guard !batch.members.isEmpty else { return }
        batch.source = .file(spool.slice)
        try work.submit(batch, cost: batch.count)
        batch = Batch()
    }
    for entry in try settle(entries) {
        plan.add(entry)
        try handOut(all: false)
    }
    plan.finish()
    try handOut(all: true)
}

/// A file that takes the inflated layer.
private final class SpoolSink: TarSink {
    private let spool: SpoolFile
    private let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)

    init(_ spool: SpoolFile) {
        self.spool = spool
    }

    deinit {
        block.deallocate()
    }

    func room() -> UnsafeMutableRawBufferPointer { block }

    func advance(_ count: Int) throws {
        try spool.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[..<count]))
    }

    func bytes(in range: Range<Int64>) throws -> [UInt8] {
        try FileSlice(spool.file, range).bytes()
    }

    func endEntries() {}
}
