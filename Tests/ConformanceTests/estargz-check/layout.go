package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	digest "github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	tocDigestAnnotation        = "containerd.io/snapshot/stargz/toc.digest"
	uncompressedSizeAnnotation = "io.containers.estargz.uncompressed-size"

	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// Docker manifests lose annotations on their way, so only OCI types will do.
var gzipLayerType = regexp.MustCompile(`^application/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar\+gzip$`)

// checkImage checks all images that a tag of an OCI layout leads to.
func checkImage(layout, tag string, all bool) *findings {
	found := newFindings(layout + ":" + tag)
	descriptor, err := resolveTag(layout, tag)
	if err != nil {
		found.add("%v", err)
		return found
	}
	manifests, err := imageManifests(layout, descriptor)
	if err != nil {
		found.add("%v", err)
		return found
	}
	if len(manifests) == 0 {
		found.add("no image behind this tag")
	}
	for _, manifest := range manifests {
		checkManifest(layout, manifest, all, found)
	}
	return found
}

// resolveTag finds the one descriptor of index.json that carries the tag.
func resolveTag(layout, tag string) (specs.Descriptor, error) {
	var index specs.Index
	encoded, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return specs.Descriptor{}, err
	}
	if err := json.Unmarshal(encoded, &index); err != nil {
		return specs.Descriptor{}, fmt.Errorf("index.json: %w", err)
	}
	var tagged []specs.Descriptor
	for _, descriptor := range index.Manifests {
		if descriptor.Annotations[specs.AnnotationRefName] == tag {
			tagged = append(tagged, descriptor)
		}
	}
	if len(tagged) != 1 {
		return specs.Descriptor{}, fmt.Errorf("index.json has %d manifests with this tag, not 1", len(tagged))
	}
	return tagged[0], nil
}

// imageManifest is a manifest with its own digest as its name.
type imageManifest struct {
	specs.Manifest
	digest   digest.Digest
	platform string
}

// imageManifests walks nested indexes. Manifests without a tar, such as attestations, are no images.
func imageManifests(layout string, descriptor specs.Descriptor) ([]imageManifest, error) {
	switch descriptor.MediaType {
	case specs.MediaTypeImageIndex, dockerIndex:
		var index specs.Index
		if err := readDocument(layout, descriptor, &index); err != nil {
			return nil, err
		}
		var manifests []imageManifest
		for _, child := range index.Manifests {
			below, err := imageManifests(layout, child)
			if err != nil {
				return nil, err
			}
			manifests = append(manifests, below...)
		}
		return manifests, nil
	case specs.MediaTypeImageManifest, dockerManifest:
		manifest := imageManifest{digest: descriptor.Digest, platform: platformName(descriptor.Platform)}
		if err := readDocument(layout, descriptor, &manifest.Manifest); err != nil {
			return nil, err
		}
		for _, layer := range manifest.Layers {
			if strings.Contains(layer.MediaType, "tar") {
				return []imageManifest{manifest}, nil
			}
		}
		return nil, nil
	default:
		return nil, fmt.Errorf("%s has the media type %q", descriptor.Digest, descriptor.MediaType)
	}
}

func platformName(platform *specs.Platform) string {
	if platform == nil {
		return "image"
	}
	name := platform.OS + "/" + platform.Architecture
	if platform.Variant != "" {
		name += "/" + platform.Variant
	}
	return name
}

// checkManifest checks each layer and prints its line.
func checkManifest(layout string, manifest imageManifest, all bool, found *findings) {
	image := found.within("%s %s", manifest.platform, manifest.digest)
	var config specs.Image
	if err := readDocument(layout, manifest.Config, &config); err != nil {
		image.add("%v", err)
		return
	}
	diffIDs := config.RootFS.DiffIDs
	if len(diffIDs) != len(manifest.Layers) {
		image.add("config has %d diff_ids, not %d", len(diffIDs), len(manifest.Layers))
		return
	}
	for i, descriptor := range manifest.Layers {
		layer := image.within("layer %d %s", i, descriptor.Digest)
		if descriptor.Annotations[tocDigestAnnotation] == "" {
			if all {
				layer.add("has no annotation %s", tocDigestAnnotation)
			}
			fmt.Println(descriptor.Digest, "plain")
		} else if summary := checkLayer(layout, descriptor, diffIDs[i], layer); layer.none() {
			fmt.Println(descriptor.Digest, "ok", summary)
		}
	}
}

// checkLayer checks a blob and what its descriptor and the image's config say about it.
func checkLayer(layout string, descriptor specs.Descriptor, diffID digest.Digest, found *findings) summary {
	if !gzipLayerType.MatchString(descriptor.MediaType) {
		found.add("media type is %q", descriptor.MediaType)
	}
	tocDigest, err := digest.Parse(descriptor.Annotations[tocDigestAnnotation])
	if err != nil {
		found.add("annotation %s: %v", tocDigestAnnotation, err)
		return summary{}
	}
	path, err := blobPath(layout, descriptor.Digest)
	if err != nil {
		found.add("%v", err)
		return summary{}
	}
	blob, err := readBlob(path)
	if err != nil {
		found.add("%v", err)
		return summary{}
	}
	defer blob.close()
	if blob.digest != descriptor.Digest {
		found.add("blob has the digest %s", blob.digest)
	}
	if blob.size != descriptor.Size {
		found.add("blob has %d bytes, not %d", blob.size, descriptor.Size)
	}
	if blob.diffID != diffID {
		found.add("DiffID is %s, the config says %s", blob.diffID, diffID)
	}
	size := strconv.FormatInt(blob.plainSize, 10)
	if annotated := descriptor.Annotations[uncompressedSizeAnnotation]; annotated != size {
		found.add("annotation %s is %q, not %s", uncompressedSizeAnnotation, annotated, size)
	}
	return checkBlob(blob, tocDigest, found)
}

// readDocument decodes a JSON blob after checking its size and digest.
func readDocument(layout string, descriptor specs.Descriptor, into interface{}) error {
	path, err := blobPath(layout, descriptor.Digest)
	if err != nil {
		return err
	}
	encoded, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if int64(len(encoded)) != descriptor.Size {
		return fmt.Errorf("%s has %d bytes, not %d", descriptor.Digest, len(encoded), descriptor.Size)
	}
	if actual := digest.FromBytes(encoded); actual != descriptor.Digest {
		return fmt.Errorf("%s has the digest %s", descriptor.Digest, actual)
	}
	if err := json.Unmarshal(encoded, into); err != nil {
		return fmt.Errorf("%s: %w", descriptor.Digest, err)
	}
	return nil
}

func blobPath(layout string, name digest.Digest) (string, error) {
	if err := name.Validate(); err != nil {
		return "", fmt.Errorf("digest %q: %w", name, err)
	}
	if name.Algorithm() != digest.SHA256 {
		return "", errors.New("only sha256 is known, not " + name.String())
	}
	return filepath.Join(layout, "blobs", name.Algorithm().String(), name.Encoded()), nil
}
