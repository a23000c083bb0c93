/// A JSON document that keeps the order of its members and the text of its numbers.
///
/// Manifests and configurations are edited as such trees, so that what `esgz` does not know stays as it was.
package indirect enum JSON: Hashable, Sendable {
    case object(Object)
    case array([JSON])
    case string(String)
    /// The number's text, unchanged: no precision is lost.
    case number(String)
    case bool(Bool)
    case null

    /// Members in the order in which they were written.
    package struct Object: Hashable, Sendable {
        package struct Member: Hashable, Sendable {
            package let key: String
            package var value: JSON
        }

        package private(set) var members: [Member] = []

        package init() {}

        /// Setting a member that exists keeps its place; a new one comes last; `nil` removes.
        package subscript(key: String) -> JSON? {
            get { members.first { $0.key.isSameText(as: key) }?.value }
            set {
                let position = members.firstIndex { $0.key.isSameText(as: key) }
                switch (position, newValue) {
                case (let position?, let value?): members[position].value = value
                case (let position?, nil): members.remove(at: position)
                case (nil, let value?): members.append(Member(key: key, value: value))
                case (nil, nil): break
                }
            }
        }

        package mutating func removeAll(where shouldRemove: (Member) -> Bool) {
            members.removeAll(where: shouldRemove)
        }

        /// Appends without looking for the key, which must not be there yet.
        package mutating func append(_ key: String, _ value: JSON) {
            members.append(Member(key: key, value: value))
        }
    }

    package var object: Object? {
        if case .object(let object) = self { object } else { nil }
    }

    package var array: [JSON]? {
        if case .array(let array) = self { array } else { nil }
    }

    package var string: String? {
        if case .string(let string) = self { string } else { nil }
    }

    /// The number as an integer; `nil` for fractions, exponents and what does not fit.
    package var integer: Int64? {
        if case .number(let text) = self { Int64(text) } else { nil }
    }

    /// A member of an object. Setting a member of something else makes it an object.
    package subscript(key: String) -> JSON? {
        get { object?[key] }
        set {
            var edited = object ?? Object()
            edited[key] = newValue
            self = .object(edited)
        }
    }

    package static func integer(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

    /// Compact text: no space, members in order.
    package var text: [UInt8] {
        var text: [UInt8] = []
        write(to: &text)
        return text
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .object(let object):
            text.append(UInt8(ascii: "{"))
            for (position, member) in object.members.enumerated() {
                if position > 0 { text.append(UInt8(ascii: ",")) }
                JSON.write(member.key, to: &text)
                text.append(UInt8(ascii: ":"))
                member.value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        case .array(let array):
            text.append(UInt8(ascii: "["))
            for (position, value) in array.enumerated() {
                if position > 0 { text.append(UInt8(ascii: ",")) }
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .string(let string): JSON.write(string, to: &text)
        case .number(let number): text.append(contentsOf: number.utf8)
        case .bool(let value): text.append(contentsOf: (value ? "true" : "false").utf8)
        case .null: text.append(contentsOf: "null".utf8)
        }
    }

    /// Writes a string with the escapes that RFC 8259 demands, and no others.
    package static func write(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text.append(UInt8(ascii: "\\"))
                text.append(byte)
            case 0..<0x20:
                text.append(contentsOf: "\\u00".utf8)
                text.append(contentsOf: Hexadecimal.text(of: CollectionOfOne(byte)).utf8)
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}

extension JSON: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) {
        self = .string(value)
    }
}

extension String {
    /// Byte-wise comparison: Swift's own `==` takes different spellings of an accented letter for equal.
    package func isSameText(as other: String) -> Bool {
        utf8.elementsEqual(other.utf8)
    }
}
