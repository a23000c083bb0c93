import Profiles
import TestSupport
import Testing

/// What servers read before they answer.
struct StaticServerTests {
    @Test func nginxReadsItsConfigurationModulesAndFirstPage() async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/sbin/nginx", TinyELF(interpreter: "/lib64/ld.so")); file("lib64/ld.so", TinyELF().bytes)
                file(
                    "etc/nginx/nginx.conf",
                    """
                    load_module modules/fast.so; # include none;
                    error_log /var/log/nginx/error.log;
                    http { include mime.types; include /etc/nginx/conf.d/*.conf; }
                    """)
                file("etc/nginx/mime.types"); file("etc/nginx/conf.d/b.conf", "server { root /srv; index x y.html; }")
                file("etc/nginx/conf.d/a.conf"); file("etc/nginx/conf.d/.a.conf.swp.conf"); file("etc/nginx/unused")
                file("var/log/nginx/error.log"); file("srv/y.html"); file("srv/z.html")
                file("usr/lib/nginx/modules/fast.so", TinyELF.library("libfast.so").bytes)
                symlink("usr/share/nginx/modules", to: "../../lib/nginx/modules");
                file("lib64/libfast.so", TinyELF().bytes)
            }, entrypoint: ["/usr/sbin/nginx"], command: ["-g", "daemon off;"])
        #expect(
            try await image.paths == [
                "usr/sbin/nginx", "lib64/ld.so", "etc/nginx/nginx.conf", "var/log/nginx/error.log",
                "etc/nginx/mime.types",
                "etc/nginx/conf.d/a.conf", "etc/nginx/conf.d/b.conf", "usr/lib/nginx/modules/fast.so",
                "lib64/libfast.so",
                "srv/y.html",
            ])
    }

    @Test(arguments: [
        (["/etc/redis.conf"], ["etc/redis.conf", "etc/more.conf", "data/saved.rdb"]),
        (["--dir", "/other", "--dbfilename", "x.rdb"], ["other/x.rdb"]), ([], ["data/dump.rdb"]),
    ])
    func redisReadsItsSettingsAndItsData(arguments: [String], paths: [String]) async throws {
        let image = try StaticTestImage(
            Tar {
                symlink("bin/redis-server", to: "redis-check-rdb"); program("bin/redis-check-rdb", TinyELF())
                file("etc/redis.conf", "include more.conf\ndir /data\ndbfilename saved.rdb\n"); file("etc/more.conf")
                file("data/saved.rdb"); file("data/dump.rdb"); file("other/x.rdb")
            }, entrypoint: ["redis-server"], command: arguments, directory: "/data")
        #expect(try await image.paths == ["bin/redis-check-rdb"] + paths)
    }

    @Test(arguments: [(["-D", "/data"], []), ([], ["PGDATA=/data"])])
    func postgresReadsTheClusterAndTheCatalogsOfTheNewestDatabase(
        arguments: [String], environment: [String]
    ) async throws {
        let image = try StaticTestImage(
            Tar {
                program("usr/lib/postgresql/15/bin/postgres", TinyELF())
                file(
                    "data/postgresql.conf",
                    "include_dir = 'conf.d'\ntimezone = 'Etc/UTC'\nlc_messages = 'C.UTF-8' # x\n")
                file("data/conf.d/a.conf")
                for name in ["PG_VERSION", "global/pg_control", "global/1262", "pg_hba.conf", "pg_xact/0000"] {
                    file("data/\(name)")
                }
                file("data/pg_wal/000000010000000000000001"); file("data/pg_wal/000000010000000000000002")
                directory("data/pg_wal/archive_status")
                for number in [1, 4, 5, 16384] {
                    file("data/base/\(number)/PG_VERSION"); file("data/base/\(number)/1259");
                    file("data/base/\(number)/1")
                }
                file("usr/share/postgresql/15/timezonesets/Default"); file("usr/share/zoneinfo/Etc/UTC")
                file("usr/lib/locale/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES")
            }, entrypoint: ["/usr/lib/postgresql/15/bin/postgres"], command: arguments, environment: environment)
        #expect(
            try await image.paths == [
                "usr/lib/postgresql/15/bin/postgres", "data/postgresql.conf", "data/conf.d/a.conf",
                "usr/lib/locale/C.utf8/LC_MESSAGES/SYS_LC_MESSAGES", "usr/share/zoneinfo/Etc/UTC",
                "usr/share/postgresql/15/timezonesets/Default", "data/PG_VERSION", "data/global/pg_control",
                "data/pg_hba.conf", "data/pg_wal/000000010000000000000002", "data/pg_xact/0000", "data/global/1262",
                "data/base/16384/PG_VERSION", "data/base/16384/1259",
            ])
    }
}
