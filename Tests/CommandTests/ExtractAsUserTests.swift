import Content
import Glibc
import SystemPackage
import TestSupport
import Testing

/// `esgz extract` without the rights of root.
struct ExtractAsUserTests {
    @Test(.enabled(if: geteuid() == 0 && Command.isExpected("setpriv"), "only root can become somebody else"))
    func whatTheUserMayNotSetIsCountedInOneWarning() async throws {
        let layer = try TinyLayer(
            Tar(.pax) {
                directory("d").owner(7, 7).mode(0o555); file("d/program", "x").owner(7, 7).mode(0o4755)
                file("mine", "x").owner(65534, 65534).mode(0o2755).modified(1000)
                characterDevice("null", 1, 3); fifo("fifo").owner(65534, 65534)
                file("ping", "x").owner(65534, 65534).attribute(
                    "security.capability", [1, 0, 0, 2] + [UInt8](repeating: 0, count: 16))
            }.bytes)
        try await withWorkplace([layer]) { place, _ in
            let result = try await place.shell(
                """
                chmod 711 . && mkdir -m 777 out && chmod 777 "$tmp" && chmod -R a+rX source &&
                setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search \
                    --ambient-caps +dac_read_search "$esgz" extract "$source" / out/root &&
                cd out/root && stat -c '%n %a %u %Y' d d/program mine fifo && ls
                """)
            #expect(result.status == 0, "\(result.errors)")
            // The root itself, the directory and what is in it belong to others.
            #expect(
                result.errors.hasSuffix(
                    "warning: not permitted, and left out: 3 owners, 1 device, 1 extended attribute\n"))
            let lines = result.output.split(separator: "\n").map(String.init)
            #expect(lines.first == "d 555 65534 0")
            // Set-uid for somebody whom the image does not mean would be worse than none.
            #expect(lines.contains("d/program 755 65534 0") && lines.contains("mine 2755 65534 1000"), "\(lines)")
            #expect(lines.suffix(4) == ["d", "fifo", "mine", "ping"])
        }
    }
}
