import Content
import FoundationEssentials
import SystemPackage

/// A program that does what its arguments say, and fails when something is not as they say.
package actor Probe {
    package static let shared = Probe()

    /// Needs nothing but itself.
    package var isStatic: [UInt8] { get async throws { try await compiled(["-static"]) } }
    /// Needs the C library and its loader.
    package var isDynamic: [UInt8] { get async throws { try await compiled([]) } }

    private var made: [[String]: Task<[UInt8], any Error>] = [:]

    private func compiled(_ flags: [String]) async throws -> [UInt8] {
        if let task = made[flags] { return try await task.value }
        let task = Task {
            try await withTemporaryDirectory { directory in
                try write(Array(Self.source.utf8), to: directory.appending("probe.c"))
                let result = try await Command.run("gcc", flags + ["-o", "probe", "probe.c"], in: directory)
                guard result.status == 0 else { throw CompilationFailure(description: result.errors) }
                return try FileSlice(opening: directory.appending("probe")).bytes()
            }
        }
        made[flags] = task
        return try await task.value
    }

    private static let source = #"""
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <grp.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>

        static void stop(int number) { open("/stopped", O_RDONLY); exit(0); }

        static int text_of(const char *path, char *text, size_t size) {
            int file = open(path, O_RDONLY);
            ssize_t count = file < 0 ? -1 : read(file, text, size - 1);
            if (count < 0) return -1;
            text[count] = 0;
            close(file);
            return 0;
        }

        int main(int count, char **words) {
            char text[4096];
            setvbuf(stdout, NULL, _IONBF, 0);
            for (int at = 1; at < count; at++) {
                char *verb = words[at];
                char *word = at + 1 < count ? words[at + 1] : "";
                int failed = 0;
                if (!strcmp(verb, "open")) failed = text_of(word, text, sizeof text);
                else if (!strcmp(verb, "missing")) failed = open(word, O_RDONLY) >= 0;
                else if (!strcmp(verb, "directory")) failed = open(word, O_RDONLY | O_DIRECTORY) < 0;
                else if (!strcmp(verb, "write")) {
                    int file = open(word, O_WRONLY | O_CREAT | O_TRUNC, 0644);
                    failed = file < 0 || write(file, "written", 7) != 7;
                }
                else if (!strcmp(verb, "remove")) failed = unlink(word);
                else if (!strcmp(verb, "print")) printf("%s\n", word);
                else if (!strcmp(verb, "sleep")) usleep(atof(word) * 1e6);
                else if (!strcmp(verb, "exit")) exit(atoi(word));
                else if (!strcmp(verb, "raise")) { signal(atoi(word), SIG_DFL); kill(getpid(), atoi(word)); abort(); }
                else if (!strcmp(verb, "stop-on")) signal(atoi(word), stop);
                else if (!strcmp(verb, "fork")) { if (fork() == 0) { setsid(); sleep(1000); } }
                else if (!strcmp(verb, "execute")) { execv(word, words + at + 1); failed = 1; }
                else if (!strcmp(verb, "environment")) {
                    char *value = strchr(word, '=');
                    *value++ = 0;
                    char *found = getenv(word);
                    failed = !found || strcmp(found, value);
                }
                else if (!strcmp(verb, "unset")) failed = getenv(word) != NULL;
                else if (!strcmp(verb, "in")) failed = !getcwd(text, sizeof text) || strcmp(text, word);
                else if (!strcmp(verb, "user")) {
                    gid_t groups[32];
                    int length = sprintf(text, "%d:%d", getuid(), getgid());
                    int number = getgroups(32, groups);
                    for (int each = 0; each < number; each++) length += sprintf(text + length, ":%d", groups[each]);
                    failed = strcmp(text, word);
                }
                else if (!strcmp(verb, "holds")) {
                    failed = text_of(word, text, sizeof text) || !strstr(text, words[at + 2]);
                    at++;
                }
                else if (!strcmp(verb, "read")) failed = !fgets(text, sizeof text, stdin) || strncmp(text, word, strlen(word));
                else if (!strcmp(verb, "terminal")) { failed = !isatty(0) || !isatty(1); at--; }
                else { fprintf(stderr, "what is %s?\n", verb); exit(99); }
                if (failed) { fprintf(stderr, "%s %s: failed (%s)\n", verb, word, strerror(errno)); exit(98); }
                at++;
            }
            return 0;
        }
        """#
}

private struct CompilationFailure: Error, CustomStringConvertible {
    let description: String
}
