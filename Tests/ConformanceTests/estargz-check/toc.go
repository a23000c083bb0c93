package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/containerd/stargz-snapshotter/estargz"
	digest "github.com/opencontainers/go-digest"
)

// tocFile is a TOC entry together with all its pieces of data: the entry itself, then its "chunk" entries.
type tocFile struct {
	*estargz.TOCEntry
	cleaned string
	pieces  []*estargz.TOCEntry
	// payload is where the data starts in the plain tar; known after checkArchive.
	payload int64
}

// toc is the TOC as the blob has it, without what the library derives when it opens a blob.
type toc struct {
	files  []*tocFile
	byName map[string]*tocFile
	chunks int
	digest digest.Digest
	// plainOffset is where the member of the TOC starts in the plain tar.
	plainOffset int64
}

// cleanName is the key under which readers keep a path.
func cleanName(name string) string {
	return path.Clean("/" + name)[1:]
}

// readTOC decodes the TOC whose member starts at an offset of the blob.
func readTOC(b *blob, offset int64) (*toc, error) {
	holder := b.memberAt[offset]
	archive := tar.NewReader(io.NewSectionReader(b.plain, holder.plainOffset, holder.plainSize))
	header, err := archive.Next()
	if err != nil {
		return nil, err
	}
	if header.Name != estargz.TOCTarName || header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("its member starts with the entry %q", header.Name)
	}
	encoded, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	// Readers differ in what they hash when something follows the document.
	if len(encoded) == 0 || encoded[0] != '{' || encoded[len(encoded)-1] != '}' {
		return nil, errors.New("is not a JSON object alone")
	}
	var document estargz.JTOC
	if err := json.Unmarshal(encoded, &document); err != nil {
		return nil, err
	}
	if document.Version != 1 {
		return nil, fmt.Errorf("has the version %d", document.Version)
	}
	if document.Entries == nil {
		return nil, errors.New("has no entries array")
	}
	t := &toc{byName: map[string]*tocFile{}, digest: digest.FromBytes(encoded), plainOffset: holder.plainOffset}
	return t, t.group(document.Entries)
}

// group gives each "chunk" entry to the file that it follows.
func (t *toc) group(entries []*estargz.TOCEntry) error {
	for i, entry := range entries {
		if entry == nil {
			return fmt.Errorf("entry %d is null", i)
		}
		if entry.Type != "chunk" {
			file := &tocFile{TOCEntry: entry, cleaned: cleanName(entry.Name)}
			if entry.Type == "reg" && entry.Size != 0 {
				file.pieces = append(file.pieces, entry)
				t.chunks++
			}
			t.files = append(t.files, file)
			continue
		}
		if len(t.files) == 0 || len(t.files[len(t.files)-1].pieces) == 0 {
			return fmt.Errorf("entry %d is a chunk of %q, but follows no file with data", i, entry.Name)
		}
		file := t.files[len(t.files)-1]
		if cleanName(entry.Name) != file.cleaned {
			return fmt.Errorf("entry %d is a chunk of %q, but follows %q", i, entry.Name, file.Name)
		}
		file.pieces = append(file.pieces, entry)
		t.chunks++
	}
	return nil
}

// checkTOC checks the TOC in itself and against the starts of members.
func checkTOC(t *toc, b *blob, found *findings) {
	checkNames(t, found)
	checkOffsets(t, b, found)
	for _, file := range t.files {
		checkPieces(file, found.within("entry %q", file.Name))
	}
	checkLandmark(t, found)
}

// checkNames: names are unique, and a hard link leads to an earlier entry that is no directory.
// So chains of links end, on which the library relies.
func checkNames(t *toc, found *findings) {
	for _, file := range t.files {
		if _, taken := t.byName[file.cleaned]; taken {
			found.add("entry %q: the name occurs twice", file.Name)
		}
		if file.cleaned == estargz.TOCTarName {
			found.add("entry %q: the TOC lists itself", file.Name)
		}
		if file.Type == "hardlink" {
			target, known := t.byName[cleanName(file.LinkName)]
			if !known {
				found.add("entry %q: the target %q of the hard link does not come before it", file.Name, file.LinkName)
			} else if target.Type == "dir" {
				found.add("entry %q: hard link to the directory %q", file.Name, file.LinkName)
			}
		}
		t.byName[file.cleaned] = file
	}
}

// checkOffsets: only data has an offset, each is the start of a member, and they follow the blob's order.
func checkOffsets(t *toc, b *blob, found *findings) {
	var last int64
	for _, file := range t.files {
		if len(file.pieces) == 0 && file.Offset != 0 {
			found.add("entry %q: has the offset %d but no data", file.Name, file.Offset)
		}
		for _, piece := range file.pieces {
			if _, known := b.memberAt[piece.Offset]; !known {
				found.add("entry %q: no gzip member starts at its offset %d", file.Name, piece.Offset)
			}
			if piece.Offset < last {
				found.add("entry %q: the offset %d is less than %d before it", file.Name, piece.Offset, last)
			}
			last = piece.Offset
		}
	}
}

// checkPieces: the pieces cover the file, one after the other, and all have a digest.
func checkPieces(file *tocFile, entry *findings) {
	switch {
	case file.Type != "reg" && (file.Size != 0 || file.Digest != "" || file.ChunkDigest != ""):
		entry.add("is a %s but has a size or digest", file.Type)
	case file.Type == "reg" && file.Digest == "":
		entry.add("has no digest")
	case file.Size < 0:
		entry.add("has the size %d", file.Size)
	}
	for i, piece := range file.pieces {
		end := file.Size
		if i+1 < len(file.pieces) {
			end = file.pieces[i+1].ChunkOffset
		}
		size := end - piece.ChunkOffset
		if i == 0 && piece.ChunkOffset != 0 {
			entry.add("its first chunk is at %d", piece.ChunkOffset)
		}
		// Only the last chunk may leave its size to the reader.
		if size <= 0 || piece.ChunkSize != size && (piece.ChunkSize != 0 || end != file.Size) {
			entry.add("chunk at %d has the size %d, there is room for %d", piece.ChunkOffset, piece.ChunkSize, size)
		}
		if digest.Digest(piece.ChunkDigest).Validate() != nil {
			entry.add("chunk at %d has the digest %q", piece.ChunkOffset, piece.ChunkDigest)
		}
	}
}

// landmarkDigest is that of the one byte 0x0f.
const landmarkDigest = "sha256:dc0e9c3658a1a3ed1ec94274d8b19925c93e1abb7ddba294923ad9bde30f8cb8"

// checkLandmark: one of the two, at the root. checkArchive sees that its payload starts a member,
// as with all files.
func checkLandmark(t *toc, found *findings) {
	var landmarks []*tocFile
	for _, name := range []string{estargz.PrefetchLandmark, estargz.NoPrefetchLandmark} {
		if file, present := t.byName[name]; present {
			landmarks = append(landmarks, file)
		}
	}
	if len(landmarks) != 1 {
		found.add("there are %d landmarks at the root, not 1", len(landmarks))
		return
	}
	if file := landmarks[0]; file.Type != "reg" || file.Size != 1 || file.Digest != landmarkDigest {
		found.add("entry %q: is not a file of the one byte 0x0f", file.Name)
	}
}
