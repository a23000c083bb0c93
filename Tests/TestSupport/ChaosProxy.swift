import Content
import Glibc

/// A proxy before a registry that breaks what passes through it, by a seeded plan, and counts what it broke.
///
/// Clients speak to `name` as if it were the registry. Blobs are sometimes redirected to a second address, which is to
/// see no credentials. A thread for each connection; clients may keep theirs.
package final class ChaosProxy: Sendable {
    /// More than this wait until one of the others ends.
    private static let connectionLimit = 64

    private struct State {
        var plan: ChaosPlan
        var injected: [ChaosFault: Int] = [:]
        /// Faults after which the content cannot be right, however often it is asked for again.
        var spoilsContent = false
        var violations: [String] = []
        var connections: Set<Int32> = []
        var threads = 2
        var isStopped = false
    }

    /// Host and port, as references have it.
    package let name: String
    private let otherName: String
    private let registry: PlainRegistry
    private let anonymous: PlainRegistry
    private let listeners: [Int32]
    private let refusal: Int?
    private let state: Monitor<State>

    /// - Parameters:
    ///   - registry: what to pass requests on to; its credentials serve requests at the second address alone.
    ///   - plan: what to do to them.
    /// - Throws: when no port is free, or no thread.
    package init(before registry: PlainRegistry, _ plan: ChaosPlan) throws {
        let (first, second) = (try listenOnLoopback(1), try listenOnLoopback(2))
        name = "127.0.0.1:\(first.port)"
        otherName = "127.0.0.2:\(second.port)"
        listeners = [first.descriptor, second.descriptor]
        self.registry = registry
        anonymous = PlainRegistry(port: registry.port)
        refusal = plan.refusal
        state = Monitor(State(plan: plan))
        for listener in listeners { try detachThread { [self] in accept(from: listener) } }
    }

    /// How often which fault was injected.
    package var injected: [ChaosFault: Int] { state.withLock { $0.injected } }

    /// Whether a body was falsified in a way that only its digest tells.
    package var spoiledContent: Bool { state.withLock { $0.spoilsContent } }

    /// What the client should not have done.
    package var violations: [String] { state.withLock { $0.violations } }

    /// Ends all connections, and waits until that is done; only for threads.
    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for descriptor in state.connections { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        for listener in listeners { shutdown(listener, Int32(SHUT_RDWR)) }
        state.wait { $0.threads == 0 ? () : nil }
        for listener in listeners { close(listener) }
    }

    private func accept(from listener: Int32) {
        while true {
            state.wait { $0.connections.count < Self.connectionLimit || $0.isStopped ? () : nil }
            let descriptor = Glibc.accept(listener, nil, nil)
            // A program that is started now must not keep the connection open: resets would never arrive.
            if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            let isWelcome = state.withLock { state in
                guard descriptor >= 0, !state.isStopped else { return false }
                state.connections.insert(descriptor)
                state.threads += 1
                return true
            }
            do {
                guard isWelcome else { throw PlainFailure("stopped") }
                try detachThread { [self] in
                    serve(PlainConnection(descriptor), isElsewhere: listener == listeners[1])
                    end(descriptor)
                }
            } catch {
                if isWelcome { end(descriptor) } else if descriptor >= 0 { close(descriptor) }
                if state.withLock({ $0.isStopped }) || descriptor < 0 { break }
            }
        }
        state.withLock { $0.threads -= 1 }
    }

    /// Closes within the lock: the number may be that of another connection at once.
    private func end(_ descriptor: Int32) {
        state.withLock { state in
            state.connections.remove(descriptor)
            close(descriptor)
            state.threads -= 1
        }
    }

    private func serve(_ connection: PlainConnection, isElsewhere: Bool) {
        while let head = connection.head() {
            do {
                guard try answer(ChaosRequest(head), on: connection, isElsewhere: isElsewhere) else { return }
            } catch {
                // As proxies do whose server has gone.
                return note("\(head.line): \(error)")
            }
        }
    }

    private func note(_ violation: String) {
        state.withLock { if !$0.isStopped { $0.violations.append(violation) } }
    }

    /// - Returns: whether the connection is still good for another request.
    private func answer(
        _ request: ChaosRequest, on connection: PlainConnection, isElsewhere: Bool
    ) throws -> Bool {
        if request.head["Transfer-Encoding"] != nil { note("\(request.head.line): a body of unknown length") }
        if isElsewhere, request.head["Authorization"] != nil { note("\(request.head.line): credentials elsewhere") }
        var (fault, random) = state.withLock { $0.plan.next(for: request) }
        if fault == .redirect, isElsewhere { fault = nil }
        if let fault { state.withLock { $0.injected[fault, default: 0] += 1 } }

        switch fault {
        case .resetBeforeRequest, .droppedPatch:
            connection.armReset()
            return false
        case .resetInRequest:
            let part = connection.body(Int(random.next() % UInt64(request.length)))
            try forwardBeginning(of: request, part)
            connection.armReset()
            return false
        case .delay: usleep(UInt32(random.next() % 50_000))
        default: break
        }
        if let status = fault?.status { return refuse(request, status, on: connection, &random) }
        if let refusal, request.method == "PUT", request.subject == .session, request.length > 0 {
            return refuse(request, refusal, on: connection, &random)
        }
        var body = connection.body(request.length)
        guard body.count == request.length else { return false }
        if fault == .redirect {
            return connection.send(
                PlainHead(
                    "HTTP/1.1 307 Temporary Redirect",
                    [("Location", "http://\(otherName)\(request.target)"), ("Content-Length", "0")]
                ).bytes)
        }
        if fault == .shortPatch { body = Array(body.prefix(Int(random.next() % UInt64(max(body.count, 1))) + 1)) }
        // A storage service needs no login of its own: whoever was sent there may read.
        let (head, content) = try forward(request, body, to: isElsewhere ? registry : anonymous)
        return send(head, content, to: request, fault, on: connection, &random)
    }

    /// Answers without asking the registry: before or after the body has been read.
    private func refuse(
        _ request: ChaosRequest, _ status: Int, on connection: PlainConnection, _ random: inout SeededGenerator
    ) -> Bool {
        let isEarly = request.length > 0 && random.next() % 2 == 0
        if !isEarly, connection.body(request.length).count < request.length { return false }
        let text = status == 404 ? #"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"chaos"}]}"# : "chaos"
        var head = PlainHead("HTTP/1.1 \(status) Chaos", [("Content-Length", "\(text.utf8.count)")])
        if isEarly { head["Connection"] = "close" }
        if [429, 500, 503].contains(status) {
            head["Retry-After"] = state.withLock { $0.plan.retryAfter(&random, date: httpDate) }
        }
        connection.send(head.bytes + (request.method == "HEAD" ? [] : Array(text.utf8)))
        if isEarly { connection.finish() }
        return !isEarly
    }

    /// Sends the answer of the registry, or what a fault leaves of it.
    private func send(
        _ head: PlainHead, _ content: [UInt8], to request: ChaosRequest, _ fault: ChaosFault?,
        on connection: PlainConnection, _ random: inout SeededGenerator
    ) -> Bool {
        var (head, content) = (head, content)
        let hasContent = !content.isEmpty && head.status < 300
        switch fault {
        case .lostAnswer:
            connection.armReset()
            return false
        case .corruption where hasContent:
            content[Int(random.next() % UInt64(content.count))] ^= UInt8(1 + random.next() % 255)
            state.withLock { $0.spoilsContent = true }
        case .shortAnswer where hasContent:
            content.removeLast(1 + Int(random.next() % UInt64(content.count)))
            head["Content-Length"] = "\(content.count)"
            state.withLock { $0.spoilsContent = true }
        case .resetInAnswer, .truncation:
            let bytes = head.bytes + content
            let start = fault == .truncation && hasContent ? head.bytes.count : 0
            connection.send(Array(bytes.prefix(start + Int(random.next() % UInt64(bytes.count - start)))))
            if fault == .resetInAnswer { connection.armReset() } else { connection.finish() }
            return false
        default: break
        }
        return connection.send(head.bytes + content)
    }

    private func forward(
        _ request: ChaosRequest, _ body: [UInt8], to registry: PlainRegistry
    ) throws -> (PlainHead, [UInt8]) {
        var (head, content) = try registry.send(
            request.method, request.target, forwardedFields(of: request.head), body: body)
        head.line = "HTTP/1.1 \(head.status) Forwarded"
        head["Connection"] = nil
        if request.method != "HEAD", head.status != 204 { head["Content-Length"] = "\(content.count)" }
        let (smallest, isRelative) = state.withLock { ($0.plan.smallestChunk, $0.plan.hasRelativeLocations) }
        if request.method == "POST", let smallest { head["OCI-Chunk-Min-Length"] = "\(smallest)" }
        if isRelative, let location = head["Location"], let path = location.firstRange(of: "/v2/") {
            head["Location"] = String(location[path.lowerBound...])
        }
        return (head, content)
    }

    /// The registry sees an upload that breaks off.
    private func forwardBeginning(of request: ChaosRequest, _ part: [UInt8]) throws {
        let upstream = try PlainConnection(to: registry.port)
        defer { upstream.close() }
        var head = PlainHead("\(request.method) \(request.target) HTTP/1.0", forwardedFields(of: request.head))
        head["Content-Length"] = "\(request.length)"
        upstream.send(head.bytes + part)
    }

    /// The name of the proxy stays in `Host`, so that the registry's locations lead back to it.
    private func forwardedFields(of head: PlainHead) -> [(name: String, value: String)] {
        head.fields.filter { !["connection", "content-length", "expect"].contains($0.name.lowercased()) }
    }
}

/// A date as HTTP has it (RFC 9110, section 5.6.7).
private func httpDate(_ secondsFromNow: Int) -> String {
    var now = time(nil) + secondsFromNow
    var parts = tm()
    gmtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let count = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
