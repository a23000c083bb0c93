/// A run of tar bytes: where they come from.
package enum Segment: Hashable, Sendable {
    /// A range of the inflated source layer.
    case source(Range<Int64>)
    case literal([UInt8])
    case zeros(Int64)

    package var count: Int64 {
        switch self {
        case .source(let range): Int64(range.count)
        case .literal(let bytes): Int64(bytes.count)
        case .zeros(let count): count
        }
    }

    /// The part of the segment in `range`, counted from its start.
    package subscript(range: Range<Int64>) -> Segment {
        switch self {
        case .source(let source):
            .source(source.lowerBound + range.lowerBound..<source.lowerBound + range.upperBound)
        case .literal(let bytes): .literal(Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
        case .zeros: .zeros(Int64(range.count))
        }
    }
}

/// One tar entry: what it says, and which bytes say it.
package struct TarEntry: Sendable {
    package enum Kind: Hashable, Sendable {
        case regular(size: Int64)
        case directory
        case symlink(target: String)
        case hardlink(target: String)
        case characterDevice(major: Int64, minor: Int64)
        case blockDevice(major: Int64, minor: Int64)
        case fifo
    }

    package struct Owner: Hashable, Sendable {
        package var id: Int64
        package var name: String

        package init(id: Int64, name: String = "") {
            self.id = id
            self.name = name
        }
    }

    package struct Time: Hashable, Sendable {
        /// Whole seconds since 1970, rounded down.
        package var seconds: Int64
        /// Counted from `seconds` on, 0 to 999,999,999.
        package var nanoseconds: Int64

        package init(seconds: Int64, nanoseconds: Int64 = 0) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    package struct ExtendedAttribute: Hashable, Sendable {
        package var name: String
        package var value: [UInt8]

        package init(name: String, value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// A pax record that says nothing that the other fields say, kept for headers that are written anew.
    package struct Record: Hashable, Sendable {
        package var key: String
        package var value: [UInt8]
    }

    /// The name as it stands in the tar.
    package var name: String
    package var path: EntryPath
    package var kind: Kind
    /// Permission bits with set-uid, set-gid and sticky.
    package var mode: Int64 = 0
    package var user = Owner(id: 0)
    package var group = Owner(id: 0)
    package var modified = Time(seconds: 0)
    /// In the order of the tar; from `SCHILY.xattr` records alone, as every consumer reads them.
    package var extendedAttributes: [ExtendedAttribute] = []
    package var records: [Record] = []
    /// All header blocks, with any pax and long-name records in front.
    package var header: Segment
    /// The data of a regular file, its holes expanded.
    package var payload: [Segment] = []

    package init(name: String, kind: Kind, header: Segment) {
        self.name = name
        path = EntryPath(name)
        self.kind = kind
        self.header = header
    }

    /// Bytes of data that follow the header.
    package var size: Int64 {
        if case .regular(let size) = kind { size } else { 0 }
    }
}

extension Int64 {
    /// How many bytes fill this many up to whole tar blocks of 512.
    package var tarPadding: Int64 { (512 - self % 512) % 512 }
}
