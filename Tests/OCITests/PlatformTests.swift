import Content
import OCI
import TestSupport
import Testing

struct PlatformTests {
    @Test(arguments: ["linux/amd64", "linux/arm/v7", "windows/amd64"])
    func platformsAreReadAndWrittenTheSame(text: String) throws {
        #expect(try Platform(parsing: text).description == text)
    }

    @Test(arguments: ["", "linux", "linux/", "/amd64", "linux//v7", "linux/arm/v7/x", "linux/arm/"])
    func whatIsNoPlatformIsAMistakeOfUsage(text: String) async {
        #expect(await failureKind { try Platform(parsing: text) } == .usage)
    }

    @Test(arguments: [
        ("linux/amd64", "linux/amd64", true), ("linux/x86_64", "linux/amd64", true),
        ("linux/amd64", "linux/amd64/v1", true),
        ("linux/amd64", "windows/amd64", false), ("linux/amd64", "linux/arm64", false),
        ("linux/arm64", "linux/arm64/v8", true), ("linux/arm64/v8", "linux/arm64", true),
        ("linux/aarch64", "linux/arm64", true),
        ("linux/arm", "linux/arm/v6", true), ("linux/arm/v7", "linux/arm/v6", false),
        ("linux/arm/7", "linux/arm/v7", true),
        ("linux/armhf", "linux/arm/v7", true), ("linux/i386", "linux/386", true), ("Linux/AMD64", "linux/amd64", true),
        ("linux/amd64/v2", "linux/amd64", false),
    ])
    func aWishMeansTheSpellingsOfOnePlatform(wish: String, found: String, isMeant: Bool) throws {
        #expect(try Platform(parsing: wish).matches(Platform(parsing: found)) == isMeant)
    }

    @Test func localIsThisMachine() throws {
        let local = try Platform(parsing: "local")
        #expect(local.os == "linux")
        #expect(!local.architecture.isEmpty && local.architecture != "x86_64" && local.architecture != "aarch64")
    }

    @Test func aPlatformNeedsTwoFields() throws {
        func platform(_ text: String) throws -> Platform? { Platform(try JSON(parsing: Array(text.utf8))) }
        #expect(
            try platform(#"{"os":"linux","architecture":"arm","variant":"v7","os.version":"1"}"#)?.description
                == "linux/arm/v7")
        #expect(try platform(#"{"os":"linux"}"#) == nil)
        #expect(try platform(#"{"os":1,"architecture":"arm"}"#) == nil)
        #expect(try platform("[]") == nil)
    }
}
