import Content

/// The state of one request under way: what it still has to send, and the answer as far as it has arrived.
///
/// Lives on the thread of the transfer. C callbacks cannot throw, so the first error is kept in `failure`.
final class HTTPTransfer {
    private static let headerLimit = 256 << 10

    private let request: HTTPRequest
    private let limit: RateLimit?
    private let cancellation: CancellationFlag
    private var position: Int64 = 0
    private var headerBytes = 0
    private(set) var response: HTTPResponse
    private(set) var failure: (any Error)?
    /// Status and headers are complete: there is an answer, whatever becomes of its body.
    private(set) var hasHead = false

    init(_ request: HTTPRequest, _ limit: RateLimit?, _ cancellation: CancellationFlag) {
        self.request = request
        self.limit = limit
        self.cancellation = cancellation
        response = HTTPResponse(status: 0, url: request.url)
    }

    /// How many bytes the request's body has.
    var bodySize: Int64 {
        switch request.body {
        case .none: 0
        case .bytes(let bytes): Int64(bytes.count)
        case .source(_, let range): Int64(range.count)
        }
    }

    /// Takes a header line.
    ///
    /// - Returns: whether the transfer may go on.
    func receive(header line: UnsafeRawBufferPointer) -> Bool {
        continuing {
            headerBytes += line.count
            guard headerBytes <= Self.headerLimit else {
                throw HTTPFailure.headersTooLarge(request.url, limit: Self.headerLimit)
            }
            let text = String(decoding: line, as: UTF8.self).trimmed
            if text.hasPrefix("HTTP/") {
                // Each answer of several (100 Continue, a proxy's own) starts over; the last one counts.
                let status = text.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) }
                response = HTTPResponse(status: status ?? 0, url: request.url)
                hasHead = false
            } else if text.isEmpty {
                guard response.status >= 200, !hasHead else { return }
                hasHead = true
                if response.isSuccess, case .sink(let sink) = request.receiver { try sink.begin(response) }
            } else if !hasHead, let colon = text.firstIndex(of: ":") {
                response.headers.append(
                    String(text[..<colon]), String(text[text.index(after: colon)...]).trimmed)
            }
        }
    }

    /// Takes a piece of the answer's body.
    ///
    /// - Returns: whether the transfer may go on.
    func receive(body piece: UnsafeRawBufferPointer) -> Bool {
        limit?.pass(piece.count, unless: cancellation)
        guard response.isSuccess else {
            let room = Int(HTTPResponse.diagnosticLimit) - response.body.count
            response.body.append(contentsOf: piece.prefix(room))
            // Enough to tell what went wrong; the rest may have no end.
            return piece.count <= room
        }
        return continuing {
            switch request.receiver {
            case .sink(let sink): try sink.append(piece)
            case .memory(let limit):
                guard Int64(response.body.count) + Int64(piece.count) <= limit else {
                    throw HTTPFailure.answerTooLarge(request.url, limit: limit)
                }
                response.body.append(contentsOf: piece)
            }
        }
    }

    /// The transfer is over, well or not.
    func end() {
        guard hasHead, response.isSuccess, failure == nil, case .sink(let sink) = request.receiver else { return }
        _ = continuing { try sink.end() }
    }

    /// Fills `buffer` with the next bytes of the request's body.
    ///
    /// - Returns: how many; zero at the end, `nil` when the source failed.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let wanted = Int(min(Int64(min(buffer.count, limit?.pieceSize ?? .max)), bodySize - position))
        limit?.pass(wanted, unless: cancellation)
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        var count = 0
        let isFine = continuing {
            guard wanted > 0 else { return }
            switch request.body {
            case .none: break
            case .bytes(let bytes):
                part.copyBytes(from: bytes[Int(position)..<Int(position) + wanted])
                count = wanted
            case .source(let source, let range):
                count = try source.read(at: range.lowerBound + position, into: part)
                guard count > 0 else { throw FileFailure.truncated(wanted: range.count, found: Int(position)) }
            }
            position += Int64(count)
            request.onSent(position)
        }
        return isFine ? count : nil
    }

    /// Goes back to send the body again, which libcurl wants when a kept connection turns out to be dead.
    func rewind(to offset: Int64) -> Bool {
        guard (0...bodySize).contains(offset) else { return false }
        position = offset
        return true
    }

    private func continuing(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            failure = error
            return false
        }
    }
}
