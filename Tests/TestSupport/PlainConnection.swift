import Glibc

/// The start line and header fields of an HTTP/1 message, in the order in which they came.
package struct PlainHead: Sendable {
    package var line: String
    package var fields: [(name: String, value: String)]

    package init(_ line: String, _ fields: [(name: String, value: String)] = []) {
        self.line = line
        self.fields = fields
    }

    /// Reads all lines before the empty one.
    init(parsing bytes: ArraySlice<UInt8>) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        line = lines.first.map(String.init) ?? ""
        fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
    }

    /// The first field of that name; setting replaces all of them.
    package subscript(name: String) -> String? {
        get { fields.first { $0.name.lowercased() == name.lowercased() }?.value }
        set {
            fields.removeAll { $0.name.lowercased() == name.lowercased() }
            if let newValue { fields.append((name, newValue)) }
        }
    }

    /// How many bytes of body follow, as far as the message says so.
    package var length: Int? { self["Content-Length"].flatMap { Int($0) } }

    /// The status of an answer.
    package var status: Int {
        line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    package var bytes: [UInt8] {
        Array((line + "\r\n" + fields.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n").utf8)
    }
}

/// A TCP connection on the loopback interface with blocking calls; only for threads.
///
/// Nothing waits longer than half a minute: a test must not hang because its other side does.
package final class PlainConnection {
    package let descriptor: Int32
    // Received and not yet taken. Raw memory and C, because megabytes go through here in debug builds.
    private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var pending = 0..<0

    package init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Connects to a port of 127.0.0.1.
    package convenience init(to port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = withLoopbackAddress(port: port) { connect(descriptor, $0, $1) }
        guard status == 0 else {
            Glibc.close(descriptor)
            throw PlainFailure("cannot connect to port \(port): \(errno)")
        }
        self.init(descriptor)
    }

    deinit {
        buffer.deallocate()
    }

    /// Reads up to the empty line; `nil` when the other side has ended before.
    package func head() -> PlainHead? {
        while true {
            var position = pending.lowerBound
            while position + 4 <= pending.upperBound {
                if buffer.loadUnaligned(fromByteOffset: position, as: UInt32.self) == 0x0a0d_0a0d {
                    return PlainHead(parsing: take(position + 4 - pending.lowerBound)[...])
                }
                position += 1
            }
            guard pending.upperBound < buffer.count, receive() else { return nil }
        }
    }

    /// Reads so many bytes; fewer when the other side ends before.
    package func body(_ count: Int) -> [UInt8] {
        guard pending.count < count else { return take(count) }
        return [UInt8](unsafeUninitializedCapacity: count) { body, filled in
            filled = pending.count
            if let target = body.baseAddress, let source = buffer.baseAddress {
                memcpy(target, source + pending.lowerBound, filled)
                while filled < count, case let more = recv(descriptor, target + filled, count - filled, 0), more > 0 {
                    filled += more
                }
            }
            pending = 0..<0
        }
    }

    /// Reads until the other side ends.
    package func rest() -> [UInt8] {
        var rest = take(pending.count)
        while receive() { rest += take(pending.count) }
        return rest
    }

    private func take(_ count: Int) -> [UInt8] {
        let taken = Array(buffer[pending.lowerBound..<pending.lowerBound + count])
        pending = pending.lowerBound + count..<pending.upperBound
        if pending.isEmpty { pending = 0..<0 }
        return taken
    }

    private func receive() -> Bool {
        let count = recv(
            descriptor, buffer.baseAddress.map { $0 + pending.upperBound }, buffer.count - pending.upperBound, 0)
        pending = pending.lowerBound..<pending.upperBound + max(count, 0)
        return count > 0
    }

    /// - Returns: whether the other side still took them; it may hang up whenever it likes.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Says that nothing more will be sent, and reads what the other side still had to say, as careful servers do:
    /// closing with bytes unread would make the kernel reset the connection, and the answer could be lost.
    package func finish() {
        shutdown(descriptor, Int32(SHUT_WR))
        _ = rest()
    }

    /// Makes the close that must follow a reset.
    package func armReset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    package func close() {
        Glibc.close(descriptor)
    }
}

package struct PlainFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Listens on a free port of a loopback address, of which there are many: 127.0.0.1, 127.0.0.2, …
func listenOnLoopback(_ lastByte: UInt8 = 1) throws -> (descriptor: Int32, port: Int) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var port = 0
    let isListening = withLoopbackAddress(lastByte, port: 0) { address, length in
        var length = length
        guard bind(descriptor, address, length) == 0, listen(descriptor, 64) == 0,
            getsockname(descriptor, address, &length) == 0
        else { return false }
        port = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            Int(UInt16(bigEndian: $0.pointee.sin_port))
        }
        return true
    }
    guard descriptor >= 0, isListening else { throw PlainFailure("cannot listen: \(errno)") }
    return (descriptor, port)
}

private func withLoopbackAddress<Result>(
    _ lastByte: UInt8 = 1, port: Int, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = (0x7f00_0000 | UInt32(lastByte)).bigEndian
    return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
