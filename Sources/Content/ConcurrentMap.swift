/// Transforms items, at most `width` at a time, started in their order.
///
/// Each is passed with its position; the results come in the order of the items. The first failure cancels the rest.
package func concurrentMap<Item: Sendable, Output: Sendable>(
    _ items: [Item], width: Int, _ transform: @escaping @Sendable (Int, Item) async throws -> Output
) async throws -> [Output] {
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
        var outputs: [Int: Output] = [:]
        for (position, item) in items.enumerated() {
            if position >= width, let (position, output) = try await group.next() { outputs[position] = output }
            group.addTask { (position, try await transform(position, item)) }
        }
        for try await (position, output) in group { outputs[position] = output }
        return outputs.sorted { $0.key < $1.key }.map(\.value)
    }
}
