import Glibc
import SystemPackage

extension FileDescriptor {
    /// Reads what may take its time to come: from a pipe, or from somebody who types.
    ///
    /// - Parameters:
    ///   - check: throws when nobody waits for it any more; asked ten times a second.
    ///   - isEnough: whether these bytes will do; otherwise all is read, up to the end.
    /// - Returns: what has come.
    /// - Throws: `Errno`, or what `check` throws.
    package func awaitBytes(_ check: () throws -> Void, until isEnough: ([UInt8]) -> Bool) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 1)
        defer { buffer.deallocate() }
        while !isEnough(bytes) {
            try check()
            var wanted = pollfd(fd: rawValue, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, 100) != 0 else { continue }
            do {
                let count = try read(into: buffer)
                if count == 0 { break }
                bytes += buffer[..<count]
            } catch Errno.resourceTemporarilyUnavailable {
                // Somebody else was faster.
                continue
            }
        }
        return bytes
    }
}
