#if ISAL
    import CISAL
    import Content

    /// Inflates gzip in one or many members with ISA-L, which checks CRC and length of each.
    final class ISALInflater: Inflater {
        private enum Position {
            case betweenMembers
            /// A header may be cut anywhere, which `isal_inflate` does not bear: it forgets what it had read of it.
            case inHeader
            case inMember
        }

        private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
        private let header = UnsafeMutablePointer<isal_gzip_header>.allocate(capacity: 1)
        private var position = Position.inHeader
        var stopsAtMembers = false
        var isBetweenMembers: Bool { position == .betweenMembers }

        init() {
            startMember()
        }

        deinit {
            state.deallocate()
            header.deallocate()
        }

        private func startMember() {
            isal_inflate_init(state)
            state.pointee.crc_flag = UInt32(ISAL_GZIP_NO_HDR_VER)
            isal_gzip_header_init(header)
            position = .inHeader
        }

        func inflate(_ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> Int {
            var written = 0
            while written < output.count {
                if position == .betweenMembers {
                    guard let first = input.first else { break }
                    guard first == 0x1f else { throw InflationFailure.trailingBytes }
                    startMember()
                }
                let room = UnsafeMutableRawBufferPointer(rebasing: output[written...])
                let before = input.count
                let made = try step(&input, into: room)
                written += made
                if stopsAtMembers, isBetweenMembers { break }
                // Output that did not fit before may come without any input being taken.
                if made == 0, input.count == before { break }
            }
            return written
        }

        /// Reads a part of a header, or inflates a part of a member; returns how many bytes it wrote.
        private func step(
            _ input: inout UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer
        ) throws -> Int {
            state.pointee.next_in = UnsafeMutablePointer(
                mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            state.pointee.avail_in = UInt32(clamping: input.count)
            state.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            state.pointee.avail_out = UInt32(clamping: room.count)
            let offered = (Int(state.pointee.avail_in), Int(state.pointee.avail_out))
            let isHeader = position == .inHeader
            let status = isHeader ? isal_read_gzip_header(state, header) : isal_inflate(state)
            guard status == ISAL_DECOMP_OK || status == ISAL_END_INPUT else {
                throw InflationFailure.corrupt(.gzip, Self.reason(status))
            }
            input = UnsafeRawBufferPointer(rebasing: input[(offered.0 - Int(state.pointee.avail_in))...])
            if isHeader {
                if status == ISAL_DECOMP_OK { position = .inMember }
                return 0
            }
            if state.pointee.block_state == ISAL_BLOCK_FINISH { position = .betweenMembers }
            return offered.1 - Int(state.pointee.avail_out)
        }

        func finish() throws {
            guard position == .betweenMembers else { throw InflationFailure.truncated(.gzip) }
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
