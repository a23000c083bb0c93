import Content

/// What a registry does, as far as lazy images depend on it.
package struct ProbeReport: Sendable {
    package enum Check: String, CaseIterable, Sendable {
        case redirect, size, range, ranges, whole, chunks, mount, manifest, annotations, index, referrers

        /// Whether the snapshotter cannot do without.
        package var isNeededForLaziness: Bool {
            switch self {
            case .redirect, .size, .range, .ranges, .manifest, .annotations: true
            case .whole, .chunks, .mount, .index, .referrers: false
            }
        }
    }

    package enum Outcome: String, Sendable {
        case works
        /// Works in another way, or not as well.
        case limited
        case fails
        case untested
    }

    package struct Finding: Hashable, Sendable {
        package let check: Check
        package let outcome: Outcome
        /// What was seen, and what follows from it.
        package let detail: String

        init(_ check: Check, _ outcome: Outcome, _ detail: String) {
            self.check = check
            self.outcome = outcome
            self.detail = detail
        }
    }

    /// What was pushed and could not be deleted.
    package struct Leftover: Hashable, Sendable {
        /// `blobs` or `manifests`, as in the URL.
        package let kind: String
        package let digest: Digest
        package let reason: String
    }

    package let repository: String
    /// One for each check, in their order.
    package let findings: [Finding]
    package let leftovers: [Leftover]

    /// - Parameters:
    ///   - repository: with its registry.
    ///   - findings: what was found, in any order.
    ///   - leftovers: what stays behind.
    ///   - reason: why a check was not made.
    init(
        _ repository: String, _ findings: [Finding], _ leftovers: [Leftover], untestedBecause reason: (Check) -> String
    ) {
        self.repository = repository
        self.findings = Check.allCases.map { check in
            findings.first { $0.check == check } ?? Finding(check, .untested, reason(check))
        }
        self.leftovers = leftovers
    }

    /// Why images from here will not be lazy. Empty when they will, as far as could be tested.
    package var obstacles: [Finding] { findings.filter { $0.check.isNeededForLaziness && $0.outcome == .fails } }

    package var json: JSON {
        var object = JSON.Object()
        object["repository"] = .string(repository)
        object["lazy"] = .bool(obstacles.isEmpty)
        object["checks"] = .array(findings.map(\.json))
        object["left"] = .array(leftovers.map(\.json))
        return .object(object)
    }
}

extension ProbeReport.Finding {
    fileprivate var json: JSON {
        var object = JSON.Object()
        object["check"] = .string(check.rawValue)
        object["outcome"] = .string(outcome.rawValue)
        object["needed"] = .bool(check.isNeededForLaziness)
        object["detail"] = .string(detail)
        return .object(object)
    }
}

extension ProbeReport.Leftover {
    fileprivate var json: JSON {
        var object = JSON.Object()
        object["kind"] = .string(kind)
        object["digest"] = .string(digest.description)
        object["reason"] = .string(reason)
        return .object(object)
    }
}
