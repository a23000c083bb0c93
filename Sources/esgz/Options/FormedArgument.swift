import ArgumentParser

/// An argument of a form that a mistake in it has to tell, since its name does not.
protocol FormedArgument {
    /// What is expected, such as `a time such as 30s`.
    static var form: String { get }

    init?(argument: String)
}

extension FormedArgument {
    /// - Throws: says what is expected.
    static func read(_ text: String) throws -> Self {
        guard let value = Self(argument: text) else { throw ValidationError("expected \(form)") }
        return value
    }
}
