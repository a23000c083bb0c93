import Content
import Glibc

/// A row of a script: a request that is expected once, and what it is answered.
package struct Exchange: Sendable {
    package var request: String
    package var condition: @Sendable (ScriptedHTTP.Request) -> Bool = { _ in true }
    package var status: Int
    package var headers: [String: String]
    package var body: [UInt8]
    /// Hang up after so many bytes of the body, which `Content-Length` still counts in full.
    package var cut: Int?
    /// Leave out `Content-Length`, so that the end of the connection ends the body.
    package var hidesLength = false
    /// Say nothing, and hang up.
    package var hangsUp = false
    /// Send nothing more after the cut, and wait for the client to hang up.
    package var stalls = false
    /// After the answer, pass everything on to this port and back, as a proxy does after `CONNECT`.
    package var tunnel: Int?
    /// Send the body again and again until the client hangs up.
    package var isEndless = false
    /// Send the body in pieces of so many bytes, with a pause before each.
    package var drip: (bytes: Int, pause: Duration)?
    /// Wait until so many requests are under way, this one among them, before answering.
    package var company = 1

    /// - Parameters:
    ///   - request: method and target, such as `GET /v2/`.
    ///   - status: of the answer.
    ///   - headers: of the answer; `{origin}` stands for scheme, host and port of the server.
    ///   - body: of the answer.
    ///   - cut: see the property.
    ///   - condition: what else the request must fulfil to be meant by this row.
    package init(
        _ request: String, _ status: Int, _ headers: [String: String] = [:], body: [UInt8] = [], cut: Int? = nil,
        where condition: @escaping @Sendable (ScriptedHTTP.Request) -> Bool = { _ in true }
    ) {
        self.request = request
        self.status = status
        self.headers = headers
        self.body = body
        self.cut = cut
        self.condition = condition
    }
}

/// An HTTP server on a loopback port that follows a script and notes what it was asked.
///
/// Each request takes the first row that fits and has not been used; one without a row is answered with status 418 and
/// noted. One request for each connection, unless it keeps them.
package final class ScriptedHTTP: Sendable {
    package struct Request: Sendable {
        /// Method and target.
        package var line: String
        package var headers: [String: String]
        package var body: [UInt8]

        /// The value of a header field; names in lower case.
        package subscript(name: String) -> String? { headers[name] }
    }

    private struct State {
        var rows: [Exchange]
        var requests: [Request] = []
        var unexpected: [String] = []
        var isStopped = false
        var underWay = 0
        var mostUnderWay = 0
        var connections = 0
    }

    package let port: Int
    private let listener: Int32
    private let state: Monitor<State>
    private let otherwise: @Sendable (Request) -> Exchange?
    private let keepsConnections: Bool

    /// - Parameters:
    ///   - rows: the script.
    ///   - keepsConnections: answer one request after the other on each.
    ///   - otherwise: answers requests that no row expects; `nil` where it would not either.
    /// - Throws: when there is no port.
    package init(
        _ rows: [Exchange], keepsConnections: Bool = false,
        otherwise: @escaping @Sendable (Request) -> Exchange? = { _ in nil }
    ) throws {
        self.otherwise = otherwise
        self.keepsConnections = keepsConnections
        state = Monitor(State(rows: rows))
        (listener, port) = try Self.listen()
        let server = Unmanaged.passRetained(self)
        try detachThread {
            server.takeUnretainedValue().serve()
            server.release()
        }
    }

    /// Scheme, host and port, as URLs and `{origin}` have it.
    package var origin: String { "http://127.0.0.1:\(port)" }

    package var requests: [Request] { state.withLock { $0.requests } }

    /// What was asked that no row expected, and the rows that nobody asked for. Empty when all went by the script.
    package var deviations: [String] {
        state.withLock { state in
            state.unexpected.map { "unexpected: \($0)" } + state.rows.map { "missing: \($0.request)" }
        }
    }

    /// How many requests have been under way at the same time.
    package var mostAtOnce: Int { state.withLock { $0.mostUnderWay } }

    /// How many connections have been made.
    package var connections: Int { state.withLock { $0.connections } }

    /// Blocks until so many requests have arrived; only for threads.
    package func waitForRequests(_ count: Int) {
        state.wait { $0.requests.count >= count ? () : nil }
    }

    package func stop() {
        state.withLock { $0.isStopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 16) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard descriptor >= 0, status else { throw ScriptFailure(what: "cannot listen: \(errno)") }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private func serve() {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 || state.withLock({ $0.isStopped }) {
                close(listener)
                if connection >= 0 { close(connection) }
                return
            }
            let serve = { @Sendable [self] in
                state.withLock { $0.connections += 1 }
                while let request = Self.read(connection) {
                    guard answer(request, connection), keepsConnections else { break }
                }
                shutdown(connection, Int32(SHUT_RDWR))
                close(connection)
            }
            // Without a thread the client sees that nobody serves it.
            if (try? detachThread(serve)) == nil { close(connection) }
        }
    }

    /// - Returns: whether there was an answer.
    private func answer(_ request: Request, _ connection: Int32) -> Bool {
        let row = state.withLock { state -> Exchange in
            state.requests.append(request)
            state.underWay += 1
            state.mostUnderWay = max(state.mostUnderWay, state.underWay)
            guard let row = state.rows.firstIndex(where: { $0.request == request.line && $0.condition(request) }) else {
                if let answer = otherwise(request) { return answer }
                state.unexpected.append(request.line)
                return Exchange(request.line, 418)
            }
            return state.rows.remove(at: row)
        }
        defer { state.withLock { $0.underWay -= 1 } }
        state.wait { $0.mostUnderWay >= row.company || $0.isStopped ? () : nil }
        if row.hangsUp { return false }
        var head = "HTTP/1.1 \(row.status) Scripted\r\n"
        if !keepsConnections { head += "Connection: close\r\n" }
        if !row.hidesLength, row.headers["Content-Length"] == nil, row.status != 204 {
            head += "Content-Length: \(row.body.count)\r\n"
        }
        for (name, value) in row.headers.sorted(by: { $0.key < $1.key }) {
            let parts = value.split(separator: "{origin}", omittingEmptySubsequences: false)
            head += "\(name): \(parts.joined(separator: origin))\r\n"
        }
        let body = request.line.hasPrefix("HEAD ") ? [] : row.body
        let sent = body.prefix(row.cut ?? body.count)
        Self.send(Array((head + "\r\n").utf8) + (row.drip == nil ? sent : []), connection)
        if let drip = row.drip { Self.send(Array(sent), drip.bytes, after: drip.pause, connection) }
        while row.isEndless, Self.send(body, connection) {}
        if let port = row.tunnel { Self.relay(connection, to: port) }
        if row.stalls { while Self.receive(connection) != nil {} }
        return true
    }

    /// Ends when either side does.
    private static func relay(_ connection: Int32, to port: Int) {
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(other) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(other, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return }
        while true {
            var sides = [connection, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&sides, 2, 60_000) > 0 else { return }
            for (side, target) in zip(sides, [other, connection]) where side.revents != 0 {
                guard let piece = receive(side.fd) else { return }
                send(piece, target)
            }
        }
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while bytes.firstRange(of: end) == nil {
            guard let piece = receive(connection) else { return nil }
            bytes += piece
            if bytes.first == 0x16 {
                // A TLS handshake. Servers without TLS take it for a bad request.
                send(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), connection)
                return nil
            }
        }
        guard let head = bytes.firstRange(of: end) else { return nil }
        let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        var body = Array(bytes[head.upperBound...])
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while body.count < length, let piece = receive(connection) { body += piece }
        let line = (lines.first ?? "").split(separator: " ").prefix(2).joined(separator: " ")
        return Request(line: line, headers: headers, body: body)
    }

    private static func receive(_ connection: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(connection, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func send(_ bytes: [UInt8], _ size: Int, after pause: Duration, _ connection: Int32) {
        for start in stride(from: 0, to: bytes.count, by: size) {
            usleep(UInt32(pause / .microseconds(1)))
            guard send(Array(bytes[start...].prefix(size)), connection) else { return }
        }
    }

    /// - Returns: whether the client still listens.
    @discardableResult
    private static func send(_ bytes: [UInt8], _ connection: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // Clients may hang up whenever they like.
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}

private struct ScriptFailure: Error {
    let what: String
}

/// Runs `body` against a server with a script, and stops it afterwards.
@discardableResult
package func withScript<Result>(
    _ rows: [Exchange], isolation: isolated (any Actor)? = #isolation,
    _ body: (ScriptedHTTP) async throws -> Result
) async throws -> Result {
    let server = try ScriptedHTTP(rows)
    defer { server.stop() }
    return try await body(server)
}
