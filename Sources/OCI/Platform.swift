import Content
import Glibc

/// What a manifest of an index is for (OCI image specification, image-index.md, "platform").
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package var os: String
    package var architecture: String
    package var variant: String?

    package init(os: String, architecture: String, variant: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
    }

    package init?(_ json: JSON?) {
        guard let os = json?["os"]?.string, let architecture = json?["architecture"]?.string else { return nil }
        self.init(os: os, architecture: architecture, variant: json?["variant"]?.string)
    }

    /// Reads `os/arch[/variant]`, or `local` for the platform of this machine.
    package init(parsing text: String) throws(PlatformFailure) {
        if text == "local" {
            self = .local
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), !parts.contains(""), !text.contains(",") else { throw .malformed(text) }
        self.init(os: parts[0], architecture: parts[1], variant: parts.count == 3 ? parts[2] : nil)
    }

    package var description: String {
        ([os, architecture] + (variant.map { [$0] } ?? [])).joined(separator: "/")
    }

    /// The platform that this program runs on.
    package static var local: Platform {
        var name = utsname()
        uname(&name)
        let machine = withUnsafeBytes(of: name.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Platform(os: "linux", architecture: machine).normalized
    }

    /// Whether a manifest for `other` is meant by this wish; without a variant, every variant is.
    package func matches(_ other: Platform) -> Bool {
        let (wish, found) = (normalized, other.normalized)
        return wish.os == found.os && wish.architecture == found.architecture
            && (wish.variant == nil || wish.variant == found.variant ?? (found.architecture == "arm" ? "v7" : nil))
    }

    /// Whether both may be said of one image; many configurations say nothing of the variant.
    package func isConsistent(with other: Platform) -> Bool {
        matches(other) || Platform(os: os, architecture: architecture).matches(other) && other.variant == nil
    }

    /// One spelling for what has several, as containerd normalises platforms.
    private var normalized: Platform {
        var result = Platform(os: os.lowercased(), architecture: architecture.lowercased(), variant: variant)
        switch result.architecture {
        case "x86_64", "x86-64": result.architecture = "amd64"
        case "aarch64": result.architecture = "arm64"
        case "i386", "i686": result.architecture = "386"
        case "armhf", "armv7l": (result.architecture, result.variant) = ("arm", "v7")
        case "armel": (result.architecture, result.variant) = ("arm", "v6")
        default: break
        }
        switch (result.architecture, result.variant) {
        case ("arm64", "v8"), ("arm64", "8"), ("amd64", "v1"): result.variant = nil
        case ("arm", nil): break
        case ("arm", let variant?) where !variant.hasPrefix("v"): result.variant = "v" + variant
        default: break
        }
        return result
    }
}

package enum PlatformFailure: Failure {
    case malformed(String)

    package var kind: FailureKind { .usage }
    package var description: String {
        switch self {
        case .malformed(let text): "expected a platform such as linux/amd64 or linux/arm/v7, not '\(text)'"
        }
    }
}
