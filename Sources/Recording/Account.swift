import Content

/// Whom a workload runs as, found in the files of its image.
struct Account: Hashable {
    let uid: UInt32
    let gid: UInt32
    /// Groups besides the first, in order.
    let groups: [UInt32]

    /// Reads what an image or a user says, as Docker does: `user`, `uid`, `user:group`, `uid:gid`; empty is root.
    ///
    /// - Parameters:
    ///   - text: numbers need not be in the files, names must.
    ///   - passwd: the text of `/etc/passwd`; empty when there is none.
    ///   - group: the text of `/etc/group`.
    /// - Throws: for names that are not there.
    init(_ text: String, passwd: String, group: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let wanted = parts[0].isEmpty ? "0" : parts[0]
        let users = Self.lines(passwd, fields: 4)
        let number = Self.number(wanted[...])
        // A name of digits alone is a name first.
        let user = users.first { $0[0] == wanted } ?? users.first { number != nil && Self.number($0[2]) == number }
        guard let uid = user.flatMap({ Self.number($0[2]) }) ?? number else {
            throw AccountFailure.unknown("user", wanted, file: "/etc/passwd")
        }
        self.uid = uid
        let lists = Self.lines(group, fields: 3)
        if parts.count == 2, !parts[1].isEmpty {
            let number = Self.number(parts[1][...])
            guard let gid = lists.first(where: { $0[0] == parts[1] }).flatMap({ Self.number($0[2]) }) ?? number else {
                throw AccountFailure.unknown("group", parts[1], file: "/etc/group")
            }
            self.gid = gid
            groups = []
        } else {
            gid = user.flatMap { Self.number($0[3]) } ?? 0
            let name = user?[0]
            groups = lists.filter { line in
                line.count > 3 && line[3].split(separator: ",").contains { $0 == name }
            }.compactMap { Self.number($0[2]) }
        }
    }

    /// The lines that have enough fields to mean something.
    private static func lines(_ text: String, fields: Int) -> [[Substring]] {
        text.split(whereSeparator: \.isNewline).map { $0.split(separator: ":", omittingEmptySubsequences: false) }
            .filter { $0.count >= fields }
    }

    /// What runtimes take: the largest numbers have other meanings.
    private static func number(_ text: Substring) -> UInt32? {
        guard let number = UInt32(text), number <= UInt32(Int32.max) else { return nil }
        return number
    }
}

/// The image does not know whom it is to run as.
enum AccountFailure: Failure {
    case unknown(String, String, file: String)

    var kind: FailureKind { .invalid }
    var description: String {
        switch self {
        case .unknown(let what, let name, let file):
            "\(file) of the image has no \(what) '\(name)'; name another with --user, or a number"
        }
    }
}
