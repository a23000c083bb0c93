import Content
import EStargz
import OCI

/// What a report says of a layer.
package struct ReportedLayer: Sendable {
    /// What a runtime fetches of it, and when.
    package struct Contents: Sendable {
        package let format: LayerFormat
        package let map: LayerMap
        /// Entries of all kinds.
        package let entryCount: Int
        /// Regular files, empty ones too.
        package let fileCount: Int
        /// Bytes of the table of contents, compressed and as text.
        package let tocSize: Int64
        package let tocTextSize: Int64
        /// Where the data of files ends, in bytes of the blob.
        package let dataEnd: Int64
        /// `nil` when the table is in another image.
        package let footerSize: Int64?
        package let landmark: SpecialEntry?
        /// The beginning of the blob up to here is prefetched.
        package let prefetchEnd: Int64

        /// What of the blob is the table of contents: nothing when that is in another image.
        package var tocRange: Range<Int64> {
            dataEnd..<(format == .externalTOC ? dataEnd : dataEnd.addingSaturated(tocSize))
        }

        /// Files that are there before the workload starts.
        package var prefetched: ArraySlice<LayerMap.File> {
            map.files.prefix { $0.range.lowerBound < prefetchEnd }
        }
    }

    /// Counted from 1 at the bottom.
    package let number: Int
    package let descriptor: Descriptor
    /// Of the layer that it was converted from; `nil` when that is not known.
    package let sourceSize: Int64?
    /// `nil` for a layer that is pulled as a whole.
    package let contents: Contents?
    /// Why it is.
    package let reason: String?

    package var size: Int64 { descriptor.size }
    package var growth: Growth? { sourceSize.flatMap { Growth(from: $0, to: size) } }
}
