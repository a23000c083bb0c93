import Content

/// A fixed piece of memory for inflated bytes; goes back to its pool when its last user is gone.
final class Slab: @unchecked Sendable {
    static let size = 1 << 20

    /// One thread writes ahead of `count`; others read only what was handed to them through a lock.
    let memory: UnsafeMutableRawBufferPointer
    private let pool: SlabPool

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, of pool: SlabPool) {
        self.memory = memory
        self.pool = pool
    }

    deinit {
        pool.takeBack(memory)
    }
}

/// All memory for inflated bytes, shared by the layers in flight; who needs more waits.
package final class SlabPool: @unchecked Sendable {
    private struct State {
        var free: [UnsafeMutableRawBufferPointer] = []
        var allocated = 0
    }

    /// How many slabs there are at most.
    let limit: Int
    private let state = Monitor(State())

    /// Room for a few chunks beyond those that workers hold, so that the producer rarely waits.
    package init(workers: Int, chunkSize: Int64) {
        let chunk = Int(min(chunkSize, 1 << 30)) / Slab.size + 2
        limit = chunk * (min(workers, 64) + 1) + 6
    }

    deinit {
        state.withLock { state in
            for memory in state.free { memory.deallocate() }
        }
    }

    func take() -> Slab {
        let memory = state.wait { state -> UnsafeMutableRawBufferPointer? in
            if let memory = state.free.popLast() { return memory }
            guard state.allocated < limit else { return nil }
            state.allocated += 1
            return .allocate(byteCount: Slab.size, alignment: 4096)
        }
        return Slab(memory, of: self)
    }

    fileprivate func takeBack(_ memory: UnsafeMutableRawBufferPointer) {
        state.withLock { $0.free.append(memory) }
    }
}
