import Content

extension [ImageLocation] {
    /// - Throws: when more than one of these destinations is standard output.
    package func checkStandardOutput() throws {
        guard filter(\.isStandardStream).count <= 1 else { throw ReferenceFailure.severalToStandardOutput }
    }
}
