import Content
import Glibc
import SystemPackage

/// The `config.json` of a bundle (OCI runtime specification, config.md and config-linux.md).
///
/// What is in it beyond the workload is what containerd gives to every container.
struct RuntimeSpecification {
    /// What a container is called from within.
    static let hostName = "esgz"

    private static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ]
    private static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ]
    private static let readOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    private static let openFiles: rlim_t = 1024

    private static let mounts: [WorkloadRequest.Mount] = [
        .init(type: "proc", source: "proc", destination: "/proc", options: ["nosuid", "noexec", "nodev"]),
        .init(
            type: "tmpfs", source: "tmpfs", destination: "/dev",
            options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        .init(
            type: "devpts", source: "devpts", destination: "/dev/pts",
            options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        .init(
            type: "tmpfs", source: "shm", destination: "/dev/shm",
            options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        .init(type: "mqueue", source: "mqueue", destination: "/dev/mqueue", options: ["nosuid", "noexec", "nodev"]),
        .init(type: "sysfs", source: "sysfs", destination: "/sys", options: ["nosuid", "noexec", "nodev", "ro"]),
    ]

    /// Where runtimes make devices and links by themselves: by way of a link there, older ones do so outside the image.
    static let mountPoints = ["proc", "dev", "sys"]

    let workload: Workload
    let request: WorkloadRequest
    /// Files of the machine that take the place of files of the image, in order.
    let files: [(destination: String, source: FilePath)]
    /// Where the root file system is, and the control group will be.
    let rootDirectory: FilePath
    let controlGroup: String

    var text: [UInt8] {
        JSON(
            members: [
                ("ociVersion", "1.0.2"), ("process", process),
                ("root", JSON(members: [("path", .string(rootDirectory.string)), ("readonly", .bool(false))])),
                ("hostname", .string(Self.hostName)), ("mounts", .array(allMounts.map(\.json))), ("linux", linux),
            ]
        ).text
    }

    private var process: JSON {
        let user = JSON(members: [
            ("uid", .integer(workload.account.uid)), ("gid", .integer(workload.account.gid)),
            ("additionalGids", .array(workload.account.groups.map { .integer($0) })),
        ])
        // As in containerd, not inheritable: a user who is not root would get them back from files.
        let sets = ["bounding", "effective", "permitted"].map { ($0, JSON(strings: Self.capabilities)) }
        return JSON(members: [
            ("terminal", .bool(request.usesTerminal)), ("user", user), ("args", JSON(strings: workload.arguments)),
            ("env", JSON(strings: workload.environment)), ("cwd", .string(workload.workingDirectory)),
            ("capabilities", JSON(members: sets)), ("rlimits", .array([openFileLimit])),
            ("noNewPrivileges", .bool(false)),
        ])
    }

    /// What containerd gives, or less where this program itself may not have as many.
    private var openFileLimit: JSON {
        var own = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &own)
        let limit = JSON.integer(min(Self.openFiles, own.rlim_max))
        return JSON(members: [("type", "RLIMIT_NOFILE"), ("hard", limit), ("soft", limit)])
    }

    private var linux: JSON {
        let namespaces = ["pid", "ipc", "uts", "mount"] + (request.usesHostNetwork ? [] : ["network"])
        // Runtimes add the devices that every container has.
        let noDevice = JSON(members: [("allow", .bool(false)), ("access", "rwm")])
        return JSON(members: [
            ("resources", JSON(members: [("devices", .array([noDevice]))])), ("cgroupsPath", .string(controlGroup)),
            ("namespaces", .array(namespaces.map { JSON(members: [("type", .string($0))]) })),
            ("maskedPaths", JSON(strings: Self.maskedPaths)), ("readonlyPaths", JSON(strings: Self.readOnlyPaths)),
        ])
    }

    private var allMounts: [WorkloadRequest.Mount] {
        let files = files.map { file in
            WorkloadRequest.Mount(
                type: "bind", source: file.source.string, destination: file.destination, options: ["rbind", "rw"])
        }
        return Self.mounts + files + request.mounts
    }
}

extension WorkloadRequest.Mount {
    fileprivate var json: JSON {
        // A bind mount is one by its option; its type is for people.
        let isBind = type == "bind" && !options.contains("bind") && !options.contains("rbind")
        return JSON(members: [
            ("destination", .string(destination)), ("type", .string(type)), ("source", .string(source)),
            ("options", JSON(strings: (isBind ? ["rbind"] : []) + options)),
        ])
    }
}

extension JSON {
    fileprivate init(members: [(String, JSON)]) {
        var object = Object()
        for (key, value) in members { object[key] = value }
        self = .object(object)
    }

    fileprivate init(strings: [String]) {
        self = .array(strings.map { .string($0) })
    }
}
