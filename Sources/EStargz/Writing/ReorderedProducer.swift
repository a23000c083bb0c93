import Archive

/// Settles the order of a layer's entries, and hands its members to the workers.
///
/// For layers whose order cannot be kept; `StreamingProducer` does all others without a file.
func produceReordered(
    _ layer: InflatedLayer, chunkSize: Int64, into work: OrderedWork<Batch, CompressedBatch>
) throws {
    var plan = LayerPlan(chunkSize: chunkSize)
    var batch = Batch()
    func handOut() throws {
        while let member = plan.next(arrived: .max) {
            if batch.count + member.count > Batch.size { try submit() }
            batch.append(member)
        }
    }
    func submit() throws {
        guard !batch.members.isEmpty else { return }
        batch.source = .file(layer.tar)
        try work.submit(batch, cost: batch.count)
        batch = Batch()
    }
    for entry in try settle(layer.entries.filter { !SpecialEntry.paths.contains($0.path) }) {
        plan.add(entry)
        try handOut()
    }
    plan.finish()
    try handOut()
    try submit()
}
