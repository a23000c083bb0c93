import Archive
import Content

/// Brings the entries of an inflated layer into their final order, and hands its members to the workers.
///
/// For layers whose order cannot be kept, or is not wanted; `StreamingProducer` does all others without a file.
struct ReorderedProducer {
    let layer: InflatedLayer
    /// What comes before the landmark, in this order.
    let priorities: [EntryPath]
    let chunkSize: Int64
    /// Whether what comes behind the landmark is left out, since only what comes before is to be known.
    var endsAtLandmark = false
    /// Called with the number of bytes of the tar as they are handed to the workers.
    let advanced: @Sendable (Int) -> Void

    /// Produces the whole layer.
    ///
    /// - Throws: `LayerObstacle` when the layer must stay as it is.
    func run(into work: OrderedWork<Batch, CompressedBatch>) throws {
        let order = PrioritisedOrder(try layer.orderedEntries(), priorities: priorities)
        // Without anything to prefetch the layer is the same as without a profile.
        var plan = LayerPlan(chunkSize: chunkSize, landmark: order.first.isEmpty ? .noPrefetchLandmark : nil)
        var batch = Batch()
        for entry in order.first {
            plan.add(entry)
            try handOut(from: &plan, through: &batch, into: work)
        }
        if !order.first.isEmpty { plan.add(.landmark(.prefetchLandmark)) }
        for entry in endsAtLandmark ? [] : order.rest {
            plan.add(entry)
            try handOut(from: &plan, through: &batch, into: work)
        }
        plan.finish()
        try handOut(from: &plan, through: &batch, into: work)
        try submit(&batch, to: work)
    }

    private func handOut(
        from plan: inout LayerPlan, through batch: inout Batch, into work: OrderedWork<Batch, CompressedBatch>
    ) throws {
        while let member = plan.next(arrived: .max) {
            if batch.count + member.count > Batch.size { try submit(&batch, to: work) }
            batch.append(member)
        }
    }

    private func submit(_ batch: inout Batch, to work: OrderedWork<Batch, CompressedBatch>) throws {
        guard !batch.members.isEmpty else { return }
        batch.source = .file(layer.tar)
        try work.submit(batch, cost: batch.count)
        advanced(Int(batch.count))
        batch = Batch()
    }
}
