/// Numbers that look random and are the same on every run (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(_ seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var position = 0
            while position < count {
                var number = next()
                let part = min(8, count - position)
                withUnsafeBytes(of: &number) {
                    UnsafeMutableRawBufferPointer(buffer)[position...].copyBytes(from: $0.prefix(part))
                }
                position += part
            }
            filled = count
        }
    }
}
