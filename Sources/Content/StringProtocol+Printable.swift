extension StringProtocol {
    /// Text of others as one line without control characters, so that it cannot steer a terminal or forge a message.
    package var printable: String {
        String(
            String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{fffd}" : $0 })
        )
    }
}
