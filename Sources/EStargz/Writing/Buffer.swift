import Synchronization

/// Memory that a worker fills and the assembler empties; goes back to its pool when its last user is gone.
final class Buffer: @unchecked Sendable {
    /// How many bytes are filled.
    var count = 0
    private let memory: UnsafeMutableRawBufferPointer
    private let pool: BufferPool

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, of pool: BufferPool) {
        self.memory = memory
        self.pool = pool
    }

    deinit {
        pool.takeBack(memory)
    }

    /// The filled bytes.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]) }

    /// Fills `count` more bytes, which the caller writes.
    func extend(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let room = reserve(count)
        self.count += count
        return room
    }

    /// Room behind the filled bytes.
    func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: memory[self.count..<self.count + count])
    }
}

/// Memory that is used again and again, which saves the kernel from clearing it each time.
///
/// How much is in use follows from how many jobs `OrderedWork` lets be alive; what lies idle beside it is bounded here.
package final class BufferPool: Sendable {
    private struct Memory: @unchecked Sendable {
        let buffer: UnsafeMutableRawBufferPointer
    }

    private struct State {
        var free: [Memory] = []
        var allocated = 0
    }

    private let state = Mutex(State())
    /// Bytes beyond which idle buffers are given back before new ones are made.
    private let limit: Int

    package init(limit: Int) {
        self.limit = limit
    }

    deinit {
        state.withLock { state in
            for memory in state.free { memory.buffer.deallocate() }
        }
    }

    func take(_ capacity: Int) -> Buffer {
        let memory = state.withLock { state -> Memory in
            // A buffer much too large would bind memory that a large member needs.
            if let fitting = state.free.lastIndex(where: { (capacity...2 * capacity).contains($0.buffer.count) }) {
                return state.free.remove(at: fitting)
            }
            while state.allocated + capacity > limit, !state.free.isEmpty {
                let idle = state.free.removeFirst()
                state.allocated -= idle.buffer.count
                idle.buffer.deallocate()
            }
            state.allocated += capacity
            return Memory(buffer: .allocate(byteCount: capacity, alignment: 64))
        }
        return Buffer(memory.buffer, of: self)
    }

    fileprivate func takeBack(_ buffer: UnsafeMutableRawBufferPointer) {
        let memory = Memory(buffer: buffer)
        state.withLock { $0.free.append(memory) }
    }
}
