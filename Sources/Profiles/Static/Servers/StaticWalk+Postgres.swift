import Archive

extension StaticWalk {
    /// The system catalogs, and indexes of them, that a session reads before its first query, by the numbers that they
    /// have in every cluster (PostgreSQL, src/include/catalog): those of the database, and those that all share.
    private static let catalogs = [
        1259, 1249, 2610, 2601, 2616, 2603, 2687, 2655, 2662, 2659, 2679, 2703, 1247,
    ]
    private static let sharedCatalogs = [1262, 6100, 1260, 2672, 2671, 2676, 2965]
    /// What recovery and a session read of the directory of a cluster before that, in order.
    private static let clusterFiles = [
        "PG_VERSION", "global/pg_control", "pg_hba.conf", "pg_ident.conf",
    ]
    private static let stateFiles = [
        "pg_logical/replorigin_checkpoint", "pg_stat/pgstat.stat", "pg_xact/0000", "pg_multixact/offsets/0000",
        "pg_subtrans/0000", "global/pg_filenode.map", "global/pg_internal.init",
    ]

    /// Notes what PostgreSQL opens: its configuration, the files of the cluster, and the catalogs of a database.
    func runPostgres(_ program: Program, _ launch: Launch) async throws {
        try await StartupFiles(files, launch.environment).open(for: program)
        let options = Self.options(of: launch)
        var settings: [String: String] = [:]
        for argument in launch.arguments.dropFirst() {
            let words = argument.drop { $0 == "-" || $0 == "c" }.split(separator: "=", maxSplits: 1)
            if words.count == 2 { settings[String(words[0])] = String(words[1]) }
        }
        guard let place = options["-D"] ?? launch.environment["PGDATA"] ?? settings["data_directory"] else { return }
        let texts = ConfigurationFiles(files)
        let configuration = launch.path(settings["config_file"] ?? "\(place)/postgresql.conf")
        if let node = files.findFile(configuration) { try await texts.open(node) }
        let cluster = texts.value(of: "data_directory").map { launch.path($0) } ?? launch.path(place)
        if let node = files.findFile(cluster.appending("postgresql.auto.conf".utf8)) { try await texts.open(node) }

        openPostgresShare(program, texts, launch)
        for name in Self.clusterFiles { open(name, of: cluster) }
        // Recovery reads the log from the last checkpoint on, which is in its last file.
        if let log = files.findDirectory(cluster.appending("pg_wal".utf8)) {
            files.children(of: log).last { $0.path.name.count == 24 }.map { _ = files.open($0) }
        }
        for name in Self.stateFiles { open(name, of: cluster) }
        for number in Self.sharedCatalogs { open("global/\(number)", of: cluster) }
        guard let databases = files.findDirectory(cluster.appending("base".utf8)) else { return }
        // The templates have the lowest numbers; the last one made is the one that is in use.
        guard let database = files.children(of: databases).compactMap({ Int($0.path.name.text) }).max() else {
            return
        }
        for name in ["PG_VERSION", "pg_filenode.map", "pg_internal.init"] + Self.catalogs.map(String.init) {
            open("base/\(database)/\(name)", of: cluster)
        }
    }

    private func open(_ name: String, of cluster: EntryPath) {
        files.open(name, from: cluster)
    }

    /// Time zones and locales that the configuration names.
    private func openPostgresShare(_ program: Program, _ texts: ConfigurationFiles, _ launch: Launch) {
        let startup = StartupFiles(files, launch.environment)
        for category in ["messages", "monetary", "numeric", "time"] {
            guard let locale = texts.value(of: "lc_\(category)") else { continue }
            startup.openLocale(named: locale, categories: ["LC_\(category.uppercased())"])
        }
        // A database has the locale of its cluster, which is most often that of the messages.
        if let locale = texts.value(of: "lc_messages") {
            startup.openLocale(named: locale, categories: ["LC_COLLATE", "LC_CTYPE"])
        }
        let version = program.node.path.directory.directory.name
        let prefix = program.node.path.directory.directory
        let shares = [
            EntryPath("usr/share/postgresql").appending(version), prefix.appending("share/postgresql".utf8),
            prefix.appending("share".utf8),
        ].compactMap { files.findDirectory($0) }
        guard let share = shares.first(where: { files.findDirectory($0.appending("timezonesets".utf8)) != nil }) else {
            return
        }
        for zone in ["timezone", "log_timezone"].compactMap({ texts.value(of: $0) }) {
            files.open("timezone/\(zone)", from: share)
            files.open("/usr/share/zoneinfo/\(zone)")
        }
        files.open("timezonesets/Default", from: share)
    }
}
