#if ISAL
    import CISAL
    import Content

    /// Inflates gzip in one or many members with ISA-L, which checks CRC and length of each.
    final class ISALInflater: Inflater {
        private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
        private var isBetweenMembers = false

        init() {
            startMember()
        }

        deinit {
            state.deallocate()
        }

        private func startMember() {
            isal_inflate_init(state)
            state.pointee.crc_flag = UInt32(ISAL_GZIP)
            isBetweenMembers = false
        }

        func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
            var written = 0
            while !input.isEmpty, written < output.count {
                if isBetweenMembers {
                    guard input[0] == 0x1f else { throw InflationFailure.trailingBytes }
                    startMember()
                }
                let room = UnsafeMutableRawBufferPointer(rebasing: output[written...])
                state.pointee.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
                state.pointee.avail_in = UInt32(clamping: input.count)
                state.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                state.pointee.avail_out = UInt32(clamping: room.count)
                let offered = (Int(state.pointee.avail_in), Int(state.pointee.avail_out))
                let status = isal_inflate(state)
                guard status == ISAL_DECOMP_OK || status == ISAL_END_INPUT else {
                    throw InflationFailure.corrupt(.gzip, Self.reason(status))
                }
                let taken = offered.0 - Int(state.pointee.avail_in)
                let made = offered.1 - Int(state.pointee.avail_out)
                input = UnsafeRawBufferPointer(rebasing: input[taken...])
                written += made
                isBetweenMembers = state.pointee.block_state == ISAL_BLOCK_FINISH
                if taken == 0, made == 0, !isBetweenMembers { break }
            }
            // Output that did not fit is still inside; it comes with the next call, also when the input is used up.
            if input.isEmpty, written < output.count, !isBetweenMembers { written += try drain(output, from: written) }
            return written
        }

        private func drain(_ output: UnsafeMutableRawBufferPointer, from start: Int) throws -> Int {
            let room = UnsafeMutableRawBufferPointer(rebasing: output[start...])
            state.pointee.avail_in = 0
            state.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(clamping: room.count)
            let offered = Int(state.pointee.avail_out)
            let status = isal_inflate(state)
            guard status == ISAL_DECOMP_OK || status == ISAL_END_INPUT else {
                throw InflationFailure.corrupt(.gzip, Self.reason(status))
            }
            isBetweenMembers = state.pointee.block_state == ISAL_BLOCK_FINISH
            return offered - Int(state.pointee.avail_out)
        }

        func finish() throws {
            guard isBetweenMembers else { throw InflationFailure.truncated(.gzip) }
        }

        private static func reason(_ status: Int32) -> String {
            switch status {
            case ISAL_INVALID_BLOCK: "invalid block"
            case ISAL_INVALID_SYMBOL: "invalid symbol"
            case ISAL_INVALID_LOOKBACK: "invalid distance"
            case ISAL_INVALID_WRAPPER: "invalid header"
            case ISAL_UNSUPPORTED_METHOD: "unsupported method"
            case ISAL_INCORRECT_CHECKSUM: "wrong CRC or length"
            default: "error \(status)"
            }
        }
    }
#endif
