import Content
import Glibc
import SystemPackage

extension FilePath {
    /// Writes a file aside and renames it, so that readers see all of it or nothing, and failures leave nothing.
    func replaceFile(_ body: (FileDescriptor) throws -> Void) throws {
        let name = ".esgz-\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
        let temporary = removingLastComponent().appending(name)
        do {
            let descriptor = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupReadWrite, .otherReadWrite])
            do {
                try descriptor.closeAfter { try body(descriptor) }
                guard rename(temporary.string, string) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                unlink(temporary.string)
                throw error
            }
        } catch let error as Errno {
            throw FileFailure.cannot("write", self, error)
        }
    }
}
