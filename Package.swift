// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// ISA-L inflates twice as fast as zlib, but Debian builds it for few architectures; without it zlib does the work.
let hasISAL = FileManager.default.fileExists(atPath: "/usr/include/isa-l/igzip_lib.h")

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let toml = Target.Dependency.product(name: "TOMLKit", package: "TOMLKit")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func systemLibrary(_ name: String, pkgConfig: String, debian package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

func library(_ name: String, _ dependencies: [Target.Dependency], defines: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings + defines.map { .define($0) })
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: settings)
}

let package = Package(
    name: "esgz",
    products: [.executable(name: "esgz", targets: ["esgz"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        systemLibrary("CArchive", pkgConfig: "libarchive", debian: "libarchive-dev"),
        systemLibrary("CCurl", pkgConfig: "libcurl", debian: "libcurl4-openssl-dev"),
        systemLibrary("CDeflate", pkgConfig: "libdeflate", debian: "libdeflate-dev"),
        .systemLibrary(name: "CLinux"),
        systemLibrary("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
        systemLibrary("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),

        library("Content", [crypto, system]),
        library("OCI", ["Content", system]),
        library(
            "Archive", ["Content", "CArchive", "CZlib", "CZstd", system] + (hasISAL ? ["CISAL"] : []),
            defines: hasISAL ? ["ISAL"] : []),
        library("Profiles", ["Content", "OCI", "Archive"]),
        library("Unpacking", ["Content", "Archive", "CLinux", system]),
        library("EStargz", ["Content", "Archive", "CDeflate", system]),
        library("Transports", ["Content", "OCI", "Archive", "CCurl", subprocess, system, toml]),
        library("Inspection", ["Content", "OCI", "Archive", "Profiles", "EStargz", "Transports", system]),
        library("Recording", ["Content", "OCI", "Archive", "Profiles", "Unpacking", "CLinux", system]),
        library("Conversion", ["Content", "OCI", "Archive", "Profiles", "EStargz", "Transports", system]),
        .executableTarget(
            name: "esgz",
            dependencies: [
                "Content", "OCI", "Archive", "Profiles", "EStargz", "Transports", "Inspection", "Unpacking",
                "Recording", "Conversion", "CLinux", system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        .executableTarget(
            name: "lower-bound", dependencies: ["Content", "OCI", "Archive", "EStargz", "Transports", system],
            path: "Tests/Benchmarks/LowerBound", swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["Content", "OCI", "Archive", "EStargz", "CZlib", subprocess, system],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        tests(
            "ConversionTests", ["Content", "OCI", "Archive", "Profiles", "EStargz", "Transports", "Conversion", system]),
        tests(
            "InspectionTests",
            ["Content", "OCI", "Archive", "Profiles", "EStargz", "Transports", "Inspection", system]),
        tests(
            "EndToEndTests", ["Content", "OCI", system],
            exclude: [
                "isolated.bash", "lazy-podman", "lazy-pull", "stargz-snapshotter", "stargz-store", "with-containerd",
            ]),
        tests("ContentTests", ["Content", system]),
        tests("OCITests", ["Content", "OCI", system]),
        tests("ArchiveTests", ["Content", "Archive", system]),
        tests("UnpackingTests", ["Content", "Archive", "Unpacking", system]),
        tests("ProfilesTests", ["Content", "OCI", "Archive", "Profiles", system]),
        tests("RecordingTests", ["Content", "OCI", "Archive", "Profiles", "Recording", "Unpacking", system]),
        tests("EStargzTests", ["Content", "Archive", "EStargz", system]),
        tests(
            "ConformanceTests", ["Content", "Archive", "EStargz", system], exclude: ["estargz-check", "tree-compare"]),
        tests("TransportsTests", ["Content", "OCI", "Transports", system]),
        tests("CommandTests", ["Content", "OCI", "EStargz", system]),
    ] + (hasISAL ? [systemLibrary("CISAL", pkgConfig: "libisal", debian: "libisal-dev")] : []),
    swiftLanguageModes: [.v6]
)

/// libFuzzer brings a `main` of its own, which breaks a plain build.
if ProcessInfo.processInfo.environment["ESGZ_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzzing", dependencies: ["Content", "Archive", "EStargz", system], path: "Tests/Fuzzing",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
