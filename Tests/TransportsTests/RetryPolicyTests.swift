import Content
import Synchronization
import Testing

@testable import Transports

struct RetryPolicyTests {
    @Test func delaysGrowUpToALimitAndThenEnd() throws {
        var policy = RetryPolicy()
        policy.random = { 1 }
        let failure = try Self.failure(503)
        let delays = (1...5).map { policy.delay(after: failure, failures: $0) }
        #expect(delays == [.milliseconds(100), .milliseconds(400), .milliseconds(1600), .seconds(5), nil])
        policy.random = { 0 }
        #expect(policy.delay(after: failure, failures: 1) == .milliseconds(50))
    }

    @Test(arguments: [
        ("7", Duration.seconds(7)), ("0", .zero), ("-3", .zero), ("900", .seconds(900)), ("901", nil),
        ("9223372036854775807", nil),
        // A date, in each of the three forms that it has had; now is 23:59:49.
        ("Fri, 31 Dec 1999 23:59:59 GMT", .seconds(10)), ("Friday, 31-Dec-99 23:59:59 GMT", .seconds(10)),
        ("Fri Dec 31 23:59:59 1999", .seconds(10)), ("Fri, 31 Dec 1999 23:59:00 GMT", .zero),
        ("Fri, 31 Dec 2199 23:59:59 GMT", nil),
        // What is neither, and numbers beyond any, count as nothing.
        ("soon", .milliseconds(100)), ("", .milliseconds(100)), ("99999999999999999999", .milliseconds(100)),
    ])
    func theRegistryMaySayHowLongToWait(retryAfter: String, expected: Duration?) throws {
        var policy = RetryPolicy()
        policy.random = { 1 }
        #expect(policy.delay(after: try Self.failure(429, retryAfter), failures: 1) == expected)
    }

    /// People who wait for long want to know what for.
    @Test(arguments: [("4", 0), ("5", 1), ("300", 1)])
    func longWaitsAreTold(retryAfter: String, count: Int) async throws {
        let told = Mutex<[String]>([])
        let slept = Mutex<[Duration]>([])
        var policy = RetryPolicy()
        policy.sleep = { delay in slept.withLock { $0.append(delay) } }
        policy.notice = { text in told.withLock { $0.append(text) } }
        var failures = [try Self.failure(429, retryAfter)]
        try await policy.run { if let failure = failures.popLast() { throw failure } }
        #expect(slept.withLock { $0 } == [.seconds(Int(retryAfter) ?? 0)])
        let expected = ["host: waiting for \(retryAfter) s, as it asks with status 429"]
        #expect(told.withLock { $0 } == Array(expected.prefix(count)))
    }

    @Test func aDateIsOneByTheClockOfTheRegistry() throws {
        let headers: HTTPHeaders = [
            "Date": "Sat, 01 Jan 2050 00:00:00 GMT", "Retry-After": "Sat, 01 Jan 2050 00:00:07 GMT",
        ]
        let response = HTTPResponse(status: 503, headers: headers, url: try HTTPURL(parsing: "https://host/"))
        #expect(RegistryFailure(.get, response).retryAfter == 7)
    }

    @Test func theUserSetsHowOftenAndHowSoon() throws {
        var policy = RetryPolicy(retries: 2, firstDelay: .seconds(20))
        policy.random = { 1 }
        let failure = try Self.failure(503)
        let delays = (1...3).map { policy.delay(after: failure, failures: $0) }
        #expect(delays == [.seconds(20), .seconds(20), nil])
        #expect(RetryPolicy(retries: 0, firstDelay: .zero).delay(after: try Self.failure(503), failures: 1) == nil)
    }

    @Test(arguments: [
        (408, true), (425, true), (429, true), (499, true), (500, true), (502, true), (503, true), (504, true),
        (522, true), (400, false), (401, false), (404, false),
        (501, false),
    ])
    func onlyPassingStatusesAreTriedAgain(status: Int, expected: Bool) throws {
        #expect((RetryPolicy().delay(after: try Self.failure(status), failures: 1) != nil) == expected)
    }

    @Test func otherErrorsAreFinal() {
        #expect(RetryPolicy().delay(after: CancellationError(), failures: 1) == nil)
        #expect(RetryPolicy().delay(after: DigestFailure.malformed(""), failures: 1) == nil)
    }

    private static func failure(_ status: Int, _ retryAfter: String? = nil) throws -> RegistryFailure {
        var headers = HTTPHeaders()
        headers["Retry-After"] = retryAfter
        return RegistryFailure(
            .get, HTTPResponse(status: status, headers: headers, url: try HTTPURL(parsing: "https://host/")),
            now: 946_684_789)
    }
}
