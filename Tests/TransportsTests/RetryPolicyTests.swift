import Content
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
        ("7", Duration.seconds(7)), ("0", .zero), ("-3", .zero), ("60", .seconds(60)), ("61", nil),
        ("9223372036854775807", nil),
        // Dates, and numbers beyond any, count as nothing.
        ("Fri, 31 Dec 1999 23:59:59 GMT", .milliseconds(100)), ("99999999999999999999", .milliseconds(100)),
    ])
    func theRegistryMaySayHowLongToWait(retryAfter: String, expected: Duration?) throws {
        var policy = RetryPolicy()
        policy.random = { 1 }
        #expect(policy.delay(after: try Self.failure(429, retryAfter), failures: 1) == expected)
    }

    @Test(arguments: [
        (408, true), (429, true), (500, true), (502, true), (522, true), (400, false), (401, false), (404, false),
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
            .get, HTTPResponse(status: status, headers: headers, url: try HTTPURL(parsing: "https://host/")))
    }
}
