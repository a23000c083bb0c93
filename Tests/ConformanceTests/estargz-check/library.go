package main

import (
	"bytes"
	"io"

	"github.com/containerd/stargz-snapshotter/estargz"
)

// checkWithLibrary reads every chunk the way a snapshotter does.
func checkWithLibrary(t *toc, b *blob, found *findings) {
	reader, err := estargz.Open(io.NewSectionReader(b.file, 0, b.size))
	if err != nil {
		found.add("estargz.Open: %v", err)
		return
	}
	verifier, err := reader.VerifyTOC(t.digest)
	if err != nil {
		found.add("estargz.VerifyTOC: %v", err)
		return
	}
	for _, file := range t.files {
		entry := found.within("entry %q", file.Name)
		switch {
		case file.Type == "hardlink":
			checkHardLink(reader, t, file, entry)
		case len(file.pieces) > 0:
			readFile(reader, verifier, file, b, entry)
		default:
			if seen, known := reader.Lookup(file.cleaned); !known || seen.Type != file.Type {
				entry.add("the library does not find it")
			}
		}
	}
}

// checkHardLink: the library sees the file at the end of the links.
func checkHardLink(reader *estargz.Reader, t *toc, link *tocFile, entry *findings) {
	target := link
	for target.Type == "hardlink" {
		target = t.byName[cleanName(target.LinkName)]
	}
	seen, known := reader.Lookup(link.cleaned)
	if !known || seen.Name != target.cleaned {
		entry.add("the library does not resolve the hard link to %q", target.Name)
	}
}

// readFile reads a file through the library, chunk by chunk: each must pass the verifier and have the bytes of the tar.
func readFile(
	reader *estargz.Reader, verifier estargz.TOCEntryVerifier, file *tocFile, b *blob, entry *findings,
) {
	content, err := reader.OpenFile(file.cleaned)
	if err != nil {
		entry.add("%v", err)
		return
	}
	if content.Size() != file.Size {
		entry.add("the library reads %d bytes, not %d", content.Size(), file.Size)
		return
	}
	var offset int64
	for count := 0; offset < file.Size; count++ {
		chunk, known := reader.ChunkEntryForOffset(file.cleaned, offset)
		if !known || chunk.ChunkOffset != offset || chunk.ChunkSize <= 0 || count == len(file.pieces) {
			entry.add("the library finds no chunk at %d", offset)
			return
		}
		actual, expected := make([]byte, chunk.ChunkSize), make([]byte, chunk.ChunkSize)
		if _, err := content.ReadAt(actual, offset); err != nil {
			entry.add("chunk at %d: %v", offset, err)
			return
		}
		check, err := verifier.Verifier(chunk)
		if err != nil {
			entry.add("chunk at %d: %v", offset, err)
			return
		}
		if check.Write(actual); !check.Verified() {
			entry.add("chunk at %d does not pass the verifier", offset)
		}
		if _, err := b.plain.ReadAt(expected, file.payload+offset); err != nil || !bytes.Equal(actual, expected) {
			entry.add("chunk at %d differs from the tar", offset)
		}
		offset += chunk.ChunkSize
	}
}
