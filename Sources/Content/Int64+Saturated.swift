extension Int64 {
    /// Adds numbers of others, which are only claims: the largest number stands for everything above it, and its
    /// negative for everything below.
    package func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? -.max : .max) : Swift.max(sum, -.max)
    }
}
