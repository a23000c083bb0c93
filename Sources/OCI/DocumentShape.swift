import Content

/// Which kinds of values the known fields of a document have. Readers in Go refuse the whole document for one that is
/// of another kind.
package indirect enum DocumentShape: Sendable {
    case text
    case base64
    case integer
    case truth
    case list(DocumentShape)
    case map(DocumentShape)
    /// Fields that are not named may be anything.
    case object([String: DocumentShape])

    /// The first value of another kind; `nil` when there is none. A field may be missing, or null.
    ///
    /// - Parameters:
    ///   - json: the value.
    ///   - path: what it is called, for the message.
    /// - Returns: what was found and what was expected.
    package func mismatch(in json: JSON, at path: String = "") -> String? {
        switch (self, json) {
        case (_, .null), (.text, .string), (.truth, .bool): return nil
        case (.base64, .string(let text)) where Base64.bytes(of: text, isPadded: true) != nil: return nil
        case (.integer, .number) where json.integer != nil: return nil
        case (.list(let shape), .array(let elements)):
            for (position, element) in elements.enumerated() {
                if let found = shape.mismatch(in: element, at: "\(path)[\(position)]") { return found }
            }
            return nil
        case (.map(let shape), .object(let object)):
            for member in object.members {
                let place = "\(path).\(member.key.prefix(100))"
                if let found = shape.mismatch(in: member.value, at: place) { return found }
            }
            return nil
        case (.object(let fields), .object(let object)):
            for member in object.members {
                let place = path.isEmpty ? member.key : "\(path).\(member.key)"
                if let shape = fields[member.key] {
                    if let found = shape.mismatch(in: member.value, at: place) { return found }
                } else if let (name, shape) = fields.first(where: { $0.key.fieldName == member.key.fieldName }) {
                    // Which of both they take is a matter of their order.
                    if object[name] != nil { return "\(place.prefix(200).printable): readers take it for '\(name)'" }
                    if let found = shape.mismatch(in: member.value, at: place) { return found }
                }
            }
            return nil
        default: return "\(path): expected \(name), not \(json.text.prefix(60).shown)"
        }
    }

    private var name: String {
        switch self {
        case .text: "a string"
        case .base64: "Base64"
        case .integer: "a whole number"
        case .truth: "true or false"
        case .list: "an array"
        case .map, .object: "an object"
        }
    }
}

extension [UInt8].SubSequence {
    fileprivate var shown: String { String(decoding: self, as: UTF8.self).printable }
}

extension DocumentShape {
    private static let strings = DocumentShape.map(.text)
    private static let platform = DocumentShape.object([
        "architecture": .text, "os": .text, "os.version": .text, "os.features": .list(.text), "variant": .text,
    ])
    private static let descriptor = DocumentShape.object([
        "mediaType": .text, "digest": .text, "size": .integer, "urls": .list(.text), "annotations": strings,
        "data": .base64, "platform": platform, "artifactType": .text,
    ])

    /// OCI image specification, image-index.md.
    package static let index = DocumentShape.object([
        "schemaVersion": .integer, "mediaType": .text, "artifactType": .text, "manifests": .list(descriptor),
        "subject": descriptor, "annotations": strings,
    ])
    /// OCI image specification, manifest.md.
    package static let manifest = DocumentShape.object([
        "schemaVersion": .integer, "mediaType": .text, "artifactType": .text, "config": descriptor,
        "layers": .list(descriptor), "subject": descriptor, "annotations": strings,
    ])
    /// OCI image specification, config.md.
    package static let configuration = DocumentShape.object([
        "created": .text, "author": .text, "architecture": .text, "os": .text, "os.version": .text,
        "os.features": .list(.text), "variant": .text,
        "config": .object([
            "User": .text, "ExposedPorts": .map(.object([:])), "Env": .list(.text), "Entrypoint": .list(.text),
            "Cmd": .list(.text), "Volumes": .map(.object([:])), "WorkingDir": .text, "Labels": strings,
            "StopSignal": .text, "ArgsEscaped": .truth,
        ]),
        "rootfs": .object(["type": .text, "diff_ids": .list(.text)]),
        "history": .list(
            .object([
                "created": .text, "created_by": .text, "author": .text, "comment": .text, "empty_layer": .truth,
            ])),
    ])
}
