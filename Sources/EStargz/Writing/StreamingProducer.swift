import Archive
import Content

/// Reads a layer once, and hands its members to the workers as soon as their bytes are there.
///
/// Works as long as the order of the tar can be kept.
final class StreamingProducer {
    private let work: OrderedWork<Batch, CompressedBatch>
    private let slabs: SlabPool
    private var plan: LayerPlan
    private var batch = Batch()
    private var order = SourceOrder()
    /// Where the data of the last entry ends; nothing before is needed but by members.
    private var entryEnd: Int64 = 0

    private(set) lazy var window = Window(
        slabs, arrived: { [unowned self] in try self.handOut(arrived: $0) },
        ended: { [unowned self] in try self.finishPlan() })

    init(_ work: OrderedWork<Batch, CompressedBatch>, slabs: SlabPool, chunkSize: Int64) {
        self.work = work
        self.slabs = slabs
        plan = LayerPlan(chunkSize: chunkSize)
    }

    /// Produces the whole layer; `false` when its order cannot be kept.
    func run(_ stream: TarStream) throws -> Bool {
        while let entry = try stream.next() {
            entryEnd = stream.position
            if SpecialEntry.paths.contains(entry.path) { continue }
            guard try order.keeps(entry) else { return false }
            plan.add(entry)
        }
        try finishPlan()
        return true
    }

    private func handOut(arrived: Int64) throws -> Window.Need {
        while let member = plan.next(arrived: arrived) {
            if batch.count + member.count > Batch.size { try submit() }
            batch.append(member)
        }
        let members = [batch.sourceRange, plan.sourceRange].compactMap(\.self)
        let start = members.map(\.lowerBound).min() ?? 0
        return Window.Need(members: start..<(members.map(\.upperBound).max() ?? 0), unclaimed: entryEnd)
    }

    private func finishPlan() throws {
        plan.finish()
        _ = try handOut(arrived: .max)
        try submit()
    }

    private func submit() throws {
        guard !batch.members.isEmpty else { return }
        batch.source = .window(batch.sourceRange.map(window.pieces(in:)) ?? [])
        try work.submit(batch, cost: batch.count)
        batch = Batch()
    }
}
