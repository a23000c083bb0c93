import CCurl
import Content
import Glibc
import Synchronization
import SystemPackage

/// HTTP by libcurl, one thread for each request.
///
/// Handles are kept for later requests, and with them their connections.
package final class CurlClient: HTTPExchanging {
    private let general: HostCertificates
    private let certificateDirectories: [FilePath]
    private let unixSocket: FilePath?
    private let isPatient: Bool
    private let options: HTTPOptions
    private let gate: Gate
    private let limit: RateLimit?
    private let idle = Mutex<[CurlHandle]>([])
    private let certificates = Mutex<[String: HostCertificates]>([:])

    /// Starts without a connection.
    ///
    /// - Parameters:
    ///   - insecure: accept any certificate.
    ///   - general: for all hosts, where a request brings no others; a client pair goes before those that are laid
    ///     down for a host.
    ///   - certificateDirectories: where certificates for single hosts are.
    ///   - unixSocket: connect to this, whatever the host of a request is.
    ///   - isPatient: wait as long as it takes: an engine packs a whole image before it sends the first byte.
    ///   - options: everything else.
    package init(
        insecure: Bool, _ general: HostCertificates = HostCertificates(),
        certificateDirectories: [FilePath] = HostCertificates.directories,
        unixSocket: FilePath? = nil, isPatient: Bool = false, options: HTTPOptions = HTTPOptions()
    ) {
        var general = general
        if insecure { general.skipsVerification = true }
        self.general = general
        self.certificateDirectories = certificateDirectories
        self.unixSocket = unixSocket
        self.isPatient = isPatient
        self.options = options
        gate = Gate(options.transfers)
        limit = options.rateLimit.map(RateLimit.init(bytesPerSecond:))
    }

    package func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        // Who has a permit waits for nothing but the network, so that it comes free again.
        try await gate.withPermit {
            try await onCancellableThread { try self.perform(request, cancellation: $0) }
        }
    }

    private func perform(_ request: HTTPRequest, cancellation: CancellationFlag) throws -> HTTPResponse {
        let handle = try takeHandle(for: request)
        try handle.configure(request, options, limit)
        try handle.configureEngine(request, unixSocket, isPatient: isPatient)
        if request.url.scheme == .https { try handle.configureTLS(request, try certificates(for: request)) }
        let start = ContinuousClock.now
        let result = Result { try handle.perform(request, options, limit, cancellation) }
        options.tally?.add(received: handle.receivedCount)
        options.trace?(handle.trace(of: request, duration: .now - start))
        let response = try result.get()
        // Not after a failure: libcurl 7.88 resolves no name again in a handle that has failed to.
        keep(handle)
        return response
    }

    /// Prefers the handle that has talked to the same place, since it may have a connection to it.
    private func takeHandle(for request: HTTPRequest) throws -> CurlHandle {
        let origin = request.url.origin
        let handle = idle.withLock { idle -> CurlHandle? in
            guard let position = idle.lastIndex(where: { $0.origins.contains(origin) }) ?? idle.indices.last else {
                return nil
            }
            return idle.remove(at: position)
        }
        return try handle ?? CurlHandle(for: request)
    }

    private func keep(_ handle: CurlHandle) {
        handle.reset()
        idle.withLock { idle in
            // More than there are transfers at a time would only keep connections open for nothing.
            if idle.count < options.transfers { idle.append(handle) }
        }
    }

    /// What is configured for one endpoint is more exact than an option, an option more than what lies in a directory.
    private func certificates(for request: HTTPRequest) throws -> HostCertificates {
        let general = request.general ?? general
        if let certificates = request.certificates { return certificates.adding(general) }
        let host = request.url.hostAndPort
        let found = try certificates.withLock { known in
            if let found = known[host] { return found }
            let found = try HostCertificates.find(for: host, in: certificateDirectories) ?? HostCertificates()
            known[host] = found
            return found
        }
        return general.adding(found)
    }
}

/// Owns an easy handle. Used by one thread at a time, which is what makes it `Sendable`.
private final class CurlHandle: @unchecked Sendable {
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    /// libcurl writes its message here; its size is part of the interface.
    private let message = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private let handle: UnsafeMutableRawPointer
    /// Where this handle may have open connections to.
    private(set) var origins: Set<String> = []

    init(for request: HTTPRequest) throws {
        guard Self.isReady, let handle = curl_easy_init() else {
            message.deallocate()
            throw HTTPFailure.transfer(.other, request.method, request.url, message: "libcurl could not be started")
        }
        self.handle = handle
        message.initialize(repeating: 0)
    }

    deinit {
        curl_easy_cleanup(handle)
        message.deallocate()
    }

    /// Forgets every option, credentials among them; connections stay.
    func reset() {
        curl_easy_reset(handle)
        message.update(repeating: 0)
    }

    func configure(_ request: HTTPRequest, _ options: HTTPOptions, _ limit: RateLimit?) throws {
        let url = request.url
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message.baseAddress))
        try set(request, CURLOPT_URL, url.text)
        try set(request, CURLOPT_USERAGENT, "esgz")
        try set(request, CURLOPT_PROTOCOLS_STR, "http,https")
        // Signals belong to the program; without this, name resolution that times out would use SIGALRM.
        try set(request, CURLOPT_NOSIGNAL, 1)
        try set(request, CURLOPT_FOLLOWLOCATION, 0)
        try set(request, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        let patience = max(1, Int((options.stallTimeout / .seconds(1)).rounded(.up)))
        try set(request, CURLOPT_CONNECTTIMEOUT, min(30, patience))
        // Who is told to be slow, and shares even that with others, may be very slow.
        try set(request, CURLOPT_LOW_SPEED_LIMIT, limit == nil ? 1 << 10 : 1)
        // Nothing moves either while a registry hands a large blob over to its storage, before it answers an upload.
        let isUpload = request.method == .put || request.method == .patch
        try set(request, CURLOPT_LOW_SPEED_TIME, isUpload ? 5 * patience : patience)
        try set(request, CURLOPT_BUFFERSIZE, limit?.pieceSize ?? 512 << 10)
        // A proxy has another idea of what the loopback interface is.
        if url.isLoopback { try set(request, CURLOPT_NOPROXY, "*") }
        // What a proxy says before there is a tunnel is no answer of the server, which TLS vouches for.
        try set(request, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        // Who interrupts the program need not wait for name servers.
        try set(request, CURLOPT_QUICK_EXIT, 1)
        switch request.method {
        case .get: try set(request, CURLOPT_HTTPGET, 1)
        case .head: try set(request, CURLOPT_NOBODY, 1)
        case .delete: try set(request, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        case .post, .put, .patch:
            try set(request, CURLOPT_UPLOAD, 1)
            try set(request, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
            try set(request, CURLOPT_UPLOAD_BUFFERSIZE, 2 << 20)
        }
    }

    func configureEngine(_ request: HTTPRequest, _ unixSocket: FilePath?, isPatient: Bool) throws {
        if let unixSocket { try set(request, CURLOPT_UNIX_SOCKET_PATH, unixSocket.string) }
        if isPatient { try set(request, CURLOPT_LOW_SPEED_TIME, 0) }
    }

    func configureTLS(_ request: HTTPRequest, _ certificates: HostCertificates) throws {
        if certificates.skipsVerification {
            try set(request, CURLOPT_SSL_VERIFYPEER, 0)
            try set(request, CURLOPT_SSL_VERIFYHOST, 0)
        }
        if !certificates.authorities.isEmpty {
            // Replaces the system's file of authorities, but not its directory: both are trusted.
            var authorities = certificates.authorities
            let status = authorities.withUnsafeMutableBytes { bytes in
                var blob = curl_blob(data: bytes.baseAddress, len: bytes.count, flags: UInt32(CURL_BLOB_COPY))
                return esgz_curl_set_pointer(handle, CURLOPT_CAINFO_BLOB, &blob)
            }
            try check(request, status)
        }
        if let certificate = certificates.clientCertificate, let key = certificates.clientKey {
            try set(request, CURLOPT_SSLCERT, certificate.string)
            try set(request, CURLOPT_SSLKEY, key.string)
        }
    }

    func perform(
        _ request: HTTPRequest, _ options: HTTPOptions, _ limit: RateLimit?, _ cancellation: CancellationFlag
    ) throws -> HTTPResponse {
        let headers = try list(try headerLines(request), request)
        defer { curl_slist_free_all(headers) }
        try check(request, esgz_curl_set_list(handle, CURLOPT_HTTPHEADER, headers))
        let addresses = try list(options.addresses, request)
        defer { curl_slist_free_all(addresses) }
        try check(request, esgz_curl_set_list(handle, CURLOPT_RESOLVE, addresses))

        let transfer = HTTPTransfer(request, limit, cancellation)
        // `withExtendedLifetime` keeps both alive while libcurl holds their addresses.
        let status = try withExtendedLifetime((transfer, cancellation)) {
            try connect(request, transfer, cancellation)
            return curl_easy_perform(handle)
        }
        transfer.end()
        origins.insert(request.url.origin)
        if let failure = transfer.failure { throw failure }
        try cancellation.check()
        // A server may refuse an upload, or send it elsewhere, and hang up before it has read it all: what it said counts.
        if transfer.hasHead, transfer.response.status >= 300 { return transfer.response }
        try check(request, status)
        guard transfer.hasHead else {
            // libcurl takes it for a whole answer. What is missing may be a challenge or the place of an upload.
            throw HTTPFailure.transfer(
                .broken, request.method, request.url, message: "the answer ended within its headers")
        }
        return transfer.response
    }

    private func connect(_ request: HTTPRequest, _ transfer: HTTPTransfer, _ cancellation: CancellationFlag) throws {
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
        try check(request, esgz_curl_set_data_function(handle, CURLOPT_HEADERFUNCTION, receiveHeader))
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
        try check(request, esgz_curl_set_data_function(handle, CURLOPT_WRITEFUNCTION, receiveBody))
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_READDATA, context))
        try check(request, esgz_curl_set_data_function(handle, CURLOPT_READFUNCTION, sendBody))
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_SEEKDATA, context))
        try check(request, esgz_curl_set_seek_function(handle, rewindBody))
        if request.hasBody {
            try check(request, esgz_curl_set_offset(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(transfer.bodySize)))
        }
        let flag = Unmanaged.passUnretained(cancellation).toOpaque()
        try check(request, esgz_curl_set_pointer(handle, CURLOPT_XFERINFODATA, flag))
        try check(request, esgz_curl_set_progress_function(handle, reportProgress))
        try set(request, CURLOPT_NOPROGRESS, 0)
    }

    /// What became of the last request, without anything that may be secret.
    func trace(of request: HTTPRequest, duration: Duration) -> String {
        let sent = count(CURLINFO_SIZE_UPLOAD_T)
        let received = receivedCount
        let status = number(CURLINFO_RESPONSE_CODE)
        let version = number(CURLINFO_HTTP_VERSION) == Int(CURL_HTTP_VERSION_2_0) ? "HTTP/2" : "HTTP/1"
        let answer = status == 0 ? "no answer" : "\(version) \(status)"
        let milliseconds = Int((duration / .milliseconds(1)).rounded())
        let url = "\(request.url)"
        let place = request.secrets.long.occur(in: url) ? "an address that repeats credentials" : url
        return "\(request.method.rawValue) \(place): \(answer), \(sent) bytes sent, \(received) bytes received, "
            + "\(milliseconds) ms"
    }

    /// Bytes of the last answer's body.
    var receivedCount: Int64 { count(CURLINFO_SIZE_DOWNLOAD_T) }

    private func number(_ question: CURLINFO) -> Int {
        var answer = 0
        return esgz_curl_get_long(handle, question, &answer) == CURLE_OK ? answer : 0
    }

    private func count(_ question: CURLINFO) -> Int64 {
        var answer: curl_off_t = 0
        return esgz_curl_get_offset(handle, question, &answer) == CURLE_OK ? Int64(answer) : 0
    }

    private func headerLines(_ request: HTTPRequest) throws -> [String] {
        // Waiting for `100 Continue` costs a round trip, and a second where a proxy knows nothing of it.
        var lines = ["Expect:"]
        for (name, value) in request.headers.fields {
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw HTTPFailure.malformedHeader(name: name)
            }
            lines.append("\(name): \(value)")
        }
        return lines
    }

    /// The list belongs to the caller, and must live as long as the transfer.
    private func list(_ lines: [String], _ request: HTTPRequest) throws -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw HTTPFailure.transfer(.other, request.method, request.url, message: "out of memory")
            }
            list = longer
        }
        return list
    }

    private func set(_ request: HTTPRequest, _ option: CURLoption, _ value: Int) throws {
        try check(request, esgz_curl_set_long(handle, option, value))
    }

    private func set(_ request: HTTPRequest, _ option: CURLoption, _ value: String) throws {
        try check(request, esgz_curl_set_string(handle, option, value))
    }

    private func check(_ request: HTTPRequest, _ status: CURLcode) throws {
        guard status != CURLE_OK else { return }
        // Without it the error is still told, only less exactly.
        let systemError = number(CURLINFO_OS_ERRNO)
        let detail = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw HTTPFailure.transfer(
            HTTPFailure.Cause(status, systemError: systemError, message: detail), request.method, request.url,
            message: detail.isEmpty ? String(cString: curl_easy_strerror(status)) : detail)
    }
}

extension HTTPRequest {
    fileprivate var hasBody: Bool { [.post, .put, .patch].contains(method) }
}

extension HTTPFailure.Cause {
    fileprivate init(_ status: CURLcode, systemError: Int, message: String) {
        // In TLS 1.3 a server looks at our certificate when all else is agreed upon, so libcurl takes its refusal for a
        // connection that broke. Only the words of the alert tell.
        let isRefusal = message.contains("alert") && (message.contains("certificate") || message.contains("unknown ca"))
        switch status {
        case CURLE_SSL_CONNECT_ERROR where isRefusal, CURLE_RECV_ERROR where isRefusal,
            CURLE_SEND_ERROR where isRefusal:
            self = .clientCertificate
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT: self = .unreachable
        case CURLE_OPERATION_TIMEDOUT, CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
            CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_AGAIN, CURLE_WEIRD_SERVER_REPLY:
            self = .broken
        // A connection that was cut during the handshake says nothing about TLS.
        case CURLE_SSL_CONNECT_ERROR: self = systemError == Int(ECONNRESET) ? .broken : .handshake
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE: self = .certificate
        case CURLE_SSL_CERTPROBLEM: self = .clientCertificate
        default: self = .other
        }
    }
}

private func transfer(_ context: UnsafeMutableRawPointer?) -> HTTPTransfer? {
    context.map { Unmanaged<HTTPTransfer>.fromOpaque($0).takeUnretainedValue() }
}

private let receiveHeader: esgz_curl_data_function = { bytes, size, count, context in
    guard let transfer = transfer(context) else { return 0 }
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer.receive(header: line) ? line.count : 0
}

private let receiveBody: esgz_curl_data_function = { bytes, size, count, context in
    guard let transfer = transfer(context) else { return 0 }
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    // Any other number than that of all bytes ends the transfer.
    return transfer.receive(body: piece) ? piece.count : piece.count + 1
}

private let sendBody: esgz_curl_data_function = { bytes, size, count, context in
    guard let transfer = transfer(context) else { return Int(CURL_READFUNC_ABORT) }
    return transfer.fill(UnsafeMutableRawBufferPointer(start: bytes, count: size * count)) ?? Int(CURL_READFUNC_ABORT)
}

private let rewindBody: esgz_curl_seek_function = { context, offset, origin in
    guard origin == SEEK_SET, let transfer = transfer(context), transfer.rewind(to: Int64(offset)) else {
        return Int32(CURL_SEEKFUNC_FAIL)
    }
    return Int32(CURL_SEEKFUNC_OK)
}

private let reportProgress: esgz_curl_progress_function = { context, _, _, _, _ in
    guard let context else { return 0 }
    return Unmanaged<CancellationFlag>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
}

/// Points in time as HTTP has them, in any of three forms (RFC 9110, section 5.6.7).
enum HTTPDate {
    /// Seconds since 1970; `nil` for what is no date.
    static func seconds(of text: String) -> Int64? {
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Int64(seconds)
    }
}
