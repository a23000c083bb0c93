import Archive
import Content

/// Reads a layer once, and hands its members to the workers as soon as their bytes are there.
///
/// Works as long as the order of the tar can be kept: each path occurs once, nothing lies below a file, and hard
/// links follow their targets.
final class StreamingProducer {
    private let work: OrderedWork<Batch, CompressedBatch>
    private let slabs: SlabPool
    private var plan: LayerPlan
    private var batch = Batch()
    /// The paths that have come by, and which of them are directories.
    private var isDirectory: [EntryPath: Bool] = [:]
    /// Directories that have something in them, whether or not they have an entry.
    private var parents: Set<EntryPath> = []
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
            guard keepsOrder(entry) else { return false }
            plan.add(entry)
        }
        try finishPlan()
        return true
    }

    /// Whether the entry only adds to what is there: nothing gives way to it, and it needs nothing that is to come.
    private func keepsOrder(_ entry: TarEntry) -> Bool {
        guard isDirectory.updateValue(entry.kind == .directory, forKey: entry.path) == nil,
            entry.kind == .directory || !parents.contains(entry.path)
        else { return false }
        if case .hardlink(let target) = entry.kind {
            let path = EntryPath(target)
            guard path != entry.path, isDirectory[path] == false else { return false }
        }
        var path = entry.path
        while let parent = path.parent, parents.insert(parent).inserted {
            guard isDirectory[parent] != false else { return false }
            path = parent
        }
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
