import Content
import Glibc
import OCI

extension ImageLocation {
    /// A source as typed. What is on this machine under a bare name is hardly meant to come from Docker Hub.
    ///
    /// - Throws: when the location is malformed, or a file or directory named without its transport.
    init(source text: String) throws {
        let isThere = access(text, F_OK) == 0
        do {
            self = try ImageLocation(parsing: text)
        } catch let failure as ReferenceFailure {
            throw isThere ? ReferenceFailure.file(text) : failure
        }
        if isThere, case .registry(let reference) = self, reference.isShort { throw ReferenceFailure.file(text) }
    }
}
