import Content
import Glibc

/// A proxy before a registry that counts requests, and the bytes of the bodies of answers.
package final class CountingProxy: Sendable {
    private struct State {
        var requests = 0
        var bytes = 0
    }

    package let port: Int
    private let listener: Int32
    private let registry: PlainRegistry
    private let state = Monitor(State())

    /// - Parameter port: of the registry.
    /// - Throws: when no port is free, or no thread.
    package init(before port: Int) throws {
        registry = PlainRegistry(port: port)
        (listener, self.port) = try listenOnLoopback()
        try detachThread { [self] in accept() }
    }

    package var counts: (requests: Int, bytes: Int) { state.withLock { ($0.requests, $0.bytes) } }

    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func accept() {
        while case let descriptor = Glibc.accept(listener, nil, nil), descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            // A client that gets no thread finds its connection closed.
            do {
                try detachThread { [self] in
                    serve(PlainConnection(descriptor))
                    close(descriptor)
                }
            } catch {
                close(descriptor)
            }
        }
        close(listener)
    }

    private func serve(_ connection: PlainConnection) {
        while let head = connection.head() {
            let words = head.line.split(separator: " ").map(String.init)
            // The registry's end of the connection is another one for each request.
            guard words.count == 3,
                var answer = try? registry.send(words[0], words[1], head.fields.filter { $0.name != "Connection" })
            else { return }
            state.withLock { state in
                state.requests += 1
                state.bytes += answer.body.count
            }
            answer.head.line = "HTTP/1.1" + answer.head.line.drop { $0 != " " }
            // Of HEAD it is that of the body that GET would have.
            if words[0] != "HEAD" { answer.head["Content-Length"] = "\(answer.body.count)" }
            answer.head["Connection"] = nil
            guard connection.send(answer.head.bytes + answer.body) else { return }
        }
    }
}
