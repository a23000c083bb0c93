import Content

/// What a conversion tells while it runs, for progress and warnings.
package enum ConversionEvent: Sendable {
    /// What is being done to a layer.
    package enum Stage: String, Sendable {
        /// Bytes are those of the source blob, or those of the tar when the layer has been read already.
        case convert
        /// Bytes are those of the source blob, which is on its way here.
        case fetch
        /// Bytes are those of the source blob, which stays as it is.
        case copy
        /// Bytes are those of the new blob.
        case push
    }

    /// Work on a layer of so many bytes begins.
    case started(LayerID, size: Int64)
    /// So many bytes will have to pass in this stage.
    case entered(LayerID, Stage, size: Int64)
    /// So many more bytes have passed.
    case advanced(LayerID, Int)
    case finished(LayerID, LayerReport)
    case warning(String)
}

/// Which layer of a conversion.
package struct LayerID: Hashable, Sendable {
    package let digest: Digest
    /// Counts the distinct layers of the image from 1 on.
    package let number: Int
    package let total: Int
}
