import Content
import SystemPackage
import TOMLKit

/// A configuration file in TOML, as the tree of values that it spells.
///
/// TOMLKit sorts tables and cannot be asked where a value stands; both is made good for here as far as it matters.
struct ConfigurationFile: Sendable {
    private static let sizeLimit: Int64 = 1 << 20
    /// The parser below TOMLKit takes tables apart recursively, and bounds neither dots in a key nor what they nest.
    private static let dotLimit = 64
    private static let depthLimit = 16

    let path: FilePath
    let root: JSON
    private let lines: [Substring]

    /// - Throws: `ConfigurationFailure` that names the file, and the line where it is malformed.
    init(reading path: FilePath) throws {
        let file: FileSlice
        do {
            file = try FileSlice(opening: path)
        } catch let failure as any Failure where failure.kind == .notFound {
            throw ConfigurationFailure.missing(path)
        }
        guard file.count <= Self.sizeLimit else { throw ConfigurationFailure.tooLarge(path, limit: Self.sizeLimit) }
        try self.init(parsing: try context("\(path)") { try file.bytes() }, from: path)
    }

    init(parsing bytes: [UInt8], from path: FilePath) throws {
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFailure.notText(path)
        }
        self.path = path
        lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (number, line) in lines.enumerated()
        where line.utf8.count(where: { $0 == UInt8(ascii: ".") }) > Self.dotLimit {
            throw ConfigurationFailure.malformed(path, line: number + 1, "more than \(Self.dotLimit) dots in a line")
        }
        do {
            guard let root = Self.tree(try TOMLTable(string: text), depth: 0) else {
                throw ConfigurationFailure.malformed(path, line: 1, "nested more than \(Self.depthLimit) levels deep")
            }
            self.root = root
        } catch let error as TOMLParseError {
            throw ConfigurationFailure.malformed(path, line: error.source.begin.line, error.description)
        }
    }

    /// The keys of a table of tables, in the order in which their headers stand in the file.
    func keysAsWritten(of table: String) -> [String] {
        var positions: [String: Int] = [:]
        for (number, line) in lines.enumerated() {
            guard let key = Self.key(in: line, of: table) else { continue }
            positions[key] = positions[key] ?? number
        }
        return (root[table]?.object?.members ?? []).map { (key: $0.key, position: positions[$0.key] ?? .max) }
            .sorted { ($0.position, $0.key) < ($1.position, $1.key) }.map(\.key)
    }

    /// What stands behind `table.` at the front of a header or of a dotted key.
    private static func key(in line: Substring, of table: String) -> String? {
        let rest = line.drop { "[\"'".contains($0) || $0.isWhitespace }
        guard rest.hasPrefix(table) else { return nil }
        let tail = rest.dropFirst(table.count).drop { $0 != "." }.dropFirst().drop(while: \.isWhitespace)
        guard let quote = tail.first, quote == "\"" || quote == "'" else {
            return String(tail.prefix { !"].=".contains($0) && !$0.isWhitespace })
        }
        return String(tail.dropFirst().prefix { $0 != quote })
    }

    /// - Throws: when there is something of another type under this key.
    func bool(_ key: String, in table: JSON) throws -> Bool? {
        switch table[key] {
        case nil: nil
        case .bool(let value)?: value
        default: throw ConfigurationFailure.wrongType(path, key: key, expected: "true or false")
        }
    }

    /// - Throws: when there is something of another type under this key.
    func string(_ key: String, in table: JSON) throws -> String? {
        guard let value = table[key] else { return nil }
        guard let text = value.string else {
            throw ConfigurationFailure.wrongType(path, key: key, expected: "a string")
        }
        return text
    }

    /// A list of strings, or a lone one where that is allowed.
    ///
    /// - Throws: when there is something of another type under this key.
    func strings(_ key: String, in table: JSON, orOne: Bool = false) throws -> [String]? {
        guard let value = table[key] else { return nil }
        if orOne, let text = value.string { return [text] }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw ConfigurationFailure.wrongType(path, key: key, expected: "a list of strings")
        }
        return texts
    }

    /// An array of tables; none when the key is not there.
    func tables(_ key: String, in table: JSON) throws -> [JSON] {
        guard let value = table[key] else { return [] }
        guard let tables = value.array, tables.allSatisfy({ $0.object != nil }) else {
            throw ConfigurationFailure.wrongType(path, key: key, expected: "tables, such as [[\(key)]]")
        }
        return tables
    }

    private static func tree(_ value: any TOMLValueConvertible, depth: Int) -> JSON? {
        guard depth <= depthLimit else { return nil }
        if let table = value.table { return tree(table, depth: depth) }
        if let array = value.array {
            var values: [JSON] = []
            for position in 0..<array.count {
                guard let element = tree(array[position], depth: depth + 1) else { return nil }
                values.append(element)
            }
            return .array(values)
        }
        if let text = value.string { return .string(text) }
        if let value = value.bool { return .bool(value) }
        // No setting that is read here is a number or a date.
        return .null
    }

    private static func tree(_ table: TOMLTable, depth: Int) -> JSON? {
        var object = JSON.Object()
        for key in table.keys {
            // A key with a zero byte comes back cut, and names nothing then.
            guard let member = table[key] else { continue }
            guard let value = tree(member, depth: depth + 1) else { return nil }
            object.append(key, value)
        }
        return .object(object)
    }
}

/// A configuration file that cannot be followed.
package enum ConfigurationFailure: Failure {
    case missing(FilePath)
    case tooLarge(FilePath, limit: Int64)
    case notText(FilePath)
    case malformed(FilePath, line: Int, String)
    case wrongType(FilePath, key: String, expected: String)
    case contradiction(FilePath, String)

    package var kind: FailureKind {
        switch self {
        case .missing: .usage
        default: .invalid
        }
    }

    package var description: String {
        switch self {
        case .missing(let path): "\(path): expected a configuration file there"
        case .tooLarge(let path, let limit): "\(path): expected at most \(limit) bytes of configuration"
        case .notText(let path): "\(path): expected TOML in UTF-8"
        case .malformed(let path, let line, let reason):
            "\(path): line \(line): expected TOML 1.0: \(reason.prefix(300).printable)"
        case .wrongType(let path, let key, let expected): "\(path): '\(key.printable)': expected \(expected)"
        case .contradiction(let path, let reason): "\(path): \(reason.prefix(300).printable)"
        }
    }
}
