/// What the system did not permit to set, and was left out.
package struct Shortfall: Hashable, Sendable, CustomStringConvertible {
    package internal(set) var owners = 0
    package internal(set) var devices = 0
    package internal(set) var attributes = 0

    package var isEmpty: Bool { owners + devices + attributes == 0 }

    /// One line for a warning, such as `not permitted, and left out: 3 owners, 1 device`.
    package var description: String {
        let counts = [(owners, "owner"), (devices, "device"), (attributes, "extended attribute")]
        let parts = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        return "not permitted, and left out: " + parts.joined(separator: ", ")
    }
}
