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
/// How much there is follows from how many batches `OrderedWork` lets be alive.
package final class BufferPool: Sendable {
    private struct Memory: @unchecked Sendable {
        let buffer: UnsafeMutableRawBufferPointer
    }

    private let free = Mutex<[Memory]>([])
    /// Buffers beyond this many are given back to the system.
    private static let kept = 8

    package init() {}

    deinit {
        free.withLock { free in
            for memory in free { memory.buffer.deallocate() }
        }
    }

    func take(_ capacity: Int) -> Buffer {
        let memory = free.withLock { free -> Memory? in
            guard let fitting = free.firstIndex(where: { $0.buffer.count >= capacity }) else { return nil }
            return free.remove(at: fitting)
        }
        return Buffer(
            memory?.buffer ?? .allocate(byteCount: max(capacity, Int(Batch.size) * 2), alignment: 64), of: self)
    }

    fileprivate func takeBack(_ buffer: UnsafeMutableRawBufferPointer) {
        let memory = Memory(buffer: buffer)
        let surplus = free.withLock { free -> Memory? in
            guard free.count >= Self.kept else {
                free.append(memory)
                return nil
            }
            return memory
        }
        surplus?.buffer.deallocate()
    }
}
