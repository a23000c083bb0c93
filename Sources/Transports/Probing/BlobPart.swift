import Content

/// A part of a blob, as an answer with status 206 gives it.
struct BlobPart: Hashable {
    let range: Range<Int64>
    /// The size of the blob; `nil` when the answer does not say.
    let total: Int64?
    let bytes: [UInt8]

    /// - Returns: `nil` when `Content-Range` is not of the form `bytes FIRST-LAST/TOTAL` (RFC 9110, section 14.4), or
    ///   the bytes are not as many.
    init?(contentRange: String, _ bytes: [UInt8]) {
        let parts = contentRange.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0] == "bytes" else { return nil }
        let numbers = parts[1].split(separator: "/", omittingEmptySubsequences: false)
        let ends = (numbers.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count == 2, ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]), first >= 0,
            last >= first, last < .max, Int64(bytes.count) == last - first + 1
        else { return nil }
        total = Int64(numbers[1])
        guard numbers[1] == "*" || total.map({ $0 > last }) == true else { return nil }
        range = first..<last + 1
        self.bytes = bytes
    }

    /// The parts of a body of type `multipart/byteranges` (RFC 9110, section 14.6).
    ///
    /// - Parameters:
    ///   - body: the whole of it.
    ///   - boundary: what stands between parts, without the two hyphens before it.
    /// - Returns: `nil` when the body is not what the type promises.
    static func parts(of body: [UInt8], boundary: String) -> [BlobPart]? {
        var parts: [BlobPart] = []
        let delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter may stand at the very beginning.
        var rest = (Array("\r\n".utf8) + body)[...]
        guard !boundary.isEmpty, let first = rest.firstRange(of: delimiter) else { return nil }
        rest = rest[first.upperBound...]
        while !rest.starts(with: "--".utf8) {
            guard let end = rest.firstRange(of: delimiter), let head = rest[..<end.lowerBound].firstRange(of: blankLine)
            else { return nil }
            let fields = String(decoding: rest[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
            let range = fields.first { $0.lowercased().hasPrefix("content-range:") }?.dropFirst("content-range:".count)
            guard let range,
                let part = BlobPart(
                    contentRange: String(range).trimmed, Array(rest[head.upperBound..<end.lowerBound]))
            else { return nil }
            parts.append(part)
            rest = rest[end.upperBound...]
        }
        return parts
    }

    private static let blankLine = Array("\r\n\r\n".utf8)
}

extension String {
    /// The parameter `boundary` of a media type, with or without quotation marks.
    var boundaryParameter: String? {
        for parameter in split(separator: ";").dropFirst() {
            let parts = String(parameter).trimmed.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "boundary" else { continue }
            return parts[1].hasPrefix("\"") && parts[1].hasSuffix("\"") && parts[1].count > 2
                ? String(parts[1].dropFirst().dropLast()) : String(parts[1])
        }
        return nil
    }
}
