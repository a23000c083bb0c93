import Content
import EStargz
import OCI
import Profiles

/// What to convert and how; holds no open resources.
package struct ConversionRequest: Sendable {
    /// What becomes of the attestations that BuildKit puts beside an image.
    package enum Attestations: String, Sendable, CaseIterable {
        /// They stay, and follow the manifest that they speak of.
        case keep
        case drop
    }

    package var layers: LayerOptions
    /// The platforms to convert; all when empty. Others are left out of the result.
    package var platforms: [Platform] = []
    package var attestations: Attestations = .keep
    /// Layers that are worked on at the same time.
    package var jobs = 4
    /// Keep Docker media types, although containerd then drops the annotations that make an image lazy.
    package var keepsDockerTypes = false
    /// Says which files are to be prefetched; without one, none are.
    package var profiler: (any Profiler)?
    /// Fail where a layer would have to stay as it is, or where a profile names what is not in the image.
    package var isStrict = false
    /// Fail where a name of a destination stands for something already.
    package var refusesToReplace = false
    /// Say what would be done, and move no blob.
    package var isDryRun = false

    package init(layers: LayerOptions) {
        self.layers = layers
    }
}

package enum ConversionFailure: Failure {
    case nothingToConvert
    case wouldOverwriteSource(ImageLocation)

    package var kind: FailureKind {
        switch self {
        case .nothingToConvert: .unsupported
        case .wouldOverwriteSource: .usage
        }
    }

    package var description: String {
        switch self {
        case .nothingToConvert: "nothing to convert: the image has no layer that is a tar"
        case .wouldOverwriteSource(let location):
            "the destination \(location) is the source itself; choose another place, or say --force"
        }
    }
}
