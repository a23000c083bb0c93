/// How requests travel, whatever they are about; the same for all of one run.
package struct HTTPOptions: Sendable {
    /// Requests under way at a time.
    package var transfers = 8
    /// How long nothing may move, or next to nothing, before a connection counts as broken.
    package var stallTimeout: Duration = .seconds(60)
    /// Bytes a second over all transfers together, up and down; `nil` for as fast as it goes.
    package var rateLimit: Int64?
    /// Addresses of hosts, `HOST:PORT:ADDRESS` as libcurl reads them, instead of what name servers say.
    package var addresses: [String] = []
    /// Told in one line of each request that is over. Never of headers, bodies or queries, which may hold secrets.
    package var trace: (@Sendable (String) -> Void)?
    /// Counts requests and bytes.
    package var tally: TransferTally?

    package init() {}
}
