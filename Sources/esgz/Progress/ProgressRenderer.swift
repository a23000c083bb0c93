import Content
import Conversion
import Glibc
import Synchronization

/// Shows on stderr how far a conversion is.
final class ProgressRenderer: Sendable {
    enum Form {
        /// One line for each layer in work, drawn anew ten times a second.
        case terminal
        /// One line for each layer that is done.
        case plain
        /// One JSON object for each event, but for bytes that pass.
        case json
        /// Warnings alone.
        case none
    }

    fileprivate struct State {
        var active: [ProgressLine] = []
        /// Lines on the terminal that the next drawing replaces.
        var drawn = 0
        var isDone = false
    }

    private let form: Form
    private let state = Mutex(State())

    init(_ form: Form) {
        self.form = form
    }

    /// Shows progress while `body` runs.
    func whileRunning<Result>(
        _ body: (@escaping @Sendable (ConversionEvent) -> Void) async throws -> Result
    ) async throws -> Result {
        if form == .terminal {
            try detachThread { [self] in
                while draw() { usleep(100_000) }
            }
        }
        defer { finish() }
        return try await body { self.show($0) }
    }

    /// Shows a warning that comes from elsewhere than the work itself.
    func warn(_ text: String) {
        show(.warning(text))
    }

    /// Shows a line about a request, whatever the form, since it has been asked for.
    func trace(_ text: String) {
        switch form {
        case .json:
            Terminal.say(JSON(["event": "request", "text": .string(text)]).shownText)
        case .none, .plain: Terminal.say(text)
        case .terminal: state.withLock { redraw(&$0, above: text) }
        }
    }

    private func show(_ event: ConversionEvent) {
        switch form {
        case .json: if let json = event.json { Terminal.say(json.shownText) }
        case .none, .plain:
            if let line = event.line(isPlain: form == .plain) { Terminal.say(line) }
        case .terminal: state.withLock { update(&$0, with: event) }
        }
    }

    private func update(_ state: inout State, with event: ConversionEvent) {
        switch event {
        case .started(let id, let size): state.active.append(ProgressLine(id: id, total: size))
        case .entered(let id, let stage, let size):
            state.edit(id) { line in
                line.stage = stage
                line.total = size
                line.done = 0
            }
        case .advanced(let id, let count): state.edit(id) { $0.done += Int64(count) }
        case .finished(let id, _):
            state.active.removeAll { $0.id == id }
            if let line = event.line(isPlain: true) { redraw(&state, above: line) }
        case .warning:
            if let line = event.line(isPlain: true) { redraw(&state, above: line) }
        }
    }

    /// Draws once; `false` when nothing more is to be drawn.
    private func draw() -> Bool {
        state.withLock { state in
            guard !state.isDone else { return false }
            redraw(&state, above: nil)
            return true
        }
    }

    /// Replaces the lines in work, below a line that stays.
    private func redraw(_ state: inout State, above line: String?) {
        let width = Terminal.width
        var text = state.drawn > 0 ? "\u{1b}[\(state.drawn)A\r\u{1b}[J" : ""
        if let line { text += line + "\n" }
        text += state.active.map { $0.text(width: width) + "\n" }.joined()
        state.drawn = state.active.count
        guard !text.isEmpty else { return }
        Terminal.say(String(text.dropLast()))
    }

    private func finish() {
        state.withLock { state in
            state.isDone = true
            state.active.removeAll()
            if form == .terminal, state.drawn > 0 { redrawNothing(&state) }
        }
    }

    private func redrawNothing(_ state: inout State) {
        Terminal.say("\u{1b}[\(state.drawn)A\r\u{1b}[J\u{1b}[1A")
        state.drawn = 0
    }
}

extension ProgressRenderer.State {
    fileprivate mutating func edit(_ id: LayerID, _ change: (inout ProgressLine) -> Void) {
        guard let position = active.firstIndex(where: { $0.id == id }) else { return }
        change(&active[position])
    }
}
