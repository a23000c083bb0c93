package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containerd/stargz-snapshotter/estargz"
	digest "github.com/opencontainers/go-digest"
)

var typeNames = map[byte]string{
	tar.TypeReg: "reg", tar.TypeCont: "reg", tar.TypeDir: "dir", tar.TypeSymlink: "symlink",
	tar.TypeLink: "hardlink", tar.TypeChar: "char", tar.TypeBlock: "block", tar.TypeFifo: "fifo",
}

// checkArchive walks the plain tar: its entries are those of the TOC, in the same order, then comes the TOC.
func checkArchive(t *toc, b *blob, found *findings) {
	// The tar reader reads block by block and gets no way to seek, so its position is that of the payload.
	position := &positionReader{file: b.plain, end: b.plainSize}
	archive := tar.NewReader(position)
	for i := 0; ; {
		headerStart := position.offset
		header, err := archive.Next()
		if err != nil {
			found.add("tar: after %d entries: %v", i, err)
			return
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if header.Name == estargz.TOCTarName {
			if i != len(t.files) {
				found.add("TOC has %d entries, the tar before it %d", len(t.files), i)
			}
			checkEnd(t, b, archive, headerStart, position, found)
			return
		}
		if i == len(t.files) {
			found.add("tar: entry %q is not in the TOC", header.Name)
			return
		}
		file := t.files[i]
		file.payload = position.offset
		i++
		entry := found.within("entry %q", file.Name)
		compareHeader(header, file, entry)
		if entry.none() {
			compareData(archive, file, b, entry)
		}
		if cleanName(header.Name) != file.cleaned {
			return
		}
	}
}

// checkEnd: nothing but zeros follow the TOC, at least the two blocks that end an archive.
func checkEnd(t *toc, b *blob, archive *tar.Reader, headerStart int64, position *positionReader, found *findings) {
	// The reader skips the padding of the entry before only now; the TOC's header opens its member.
	if start := (headerStart + 511) / 512 * 512; start != t.plainOffset {
		found.add("tar: the first TOC is at %d, the footer leads to that at %d", start, t.plainOffset)
		return
	}
	if _, err := io.Copy(io.Discard, archive); err != nil {
		found.add("TOC: %v", err)
		return
	}
	rest, err := io.ReadAll(io.NewSectionReader(b.plain, position.offset, b.plainSize-position.offset))
	if err != nil {
		found.add("tar: %v", err)
		return
	}
	if len(rest) < 1024 || len(bytes.Trim(rest, "\x00")) != 0 || b.plainSize%512 != 0 {
		found.add("tar: the TOC is not followed by the end of the archive")
	}
}

// positionReader reads a file to its end and hides that it could seek.
type positionReader struct {
	file        *os.File
	offset, end int64
}

func (p *positionReader) Read(into []byte) (int, error) {
	n, err := io.NewSectionReader(p.file, p.offset, p.end-p.offset).Read(into)
	p.offset += int64(n)
	return n, err
}

// compareHeader compares what the TOC says about an entry with its tar header.
func compareHeader(header *tar.Header, file *tocFile, entry *findings) {
	differ := func(what string, inTOC, inTar interface{}) {
		if inTOC != inTar {
			entry.add("%s is %v in the TOC, %v in the tar", what, inTOC, inTar)
		}
	}
	differ("name", file.cleaned, cleanName(header.Name))
	differ("type", file.Type, typeNames[header.Typeflag])
	// Readers use no more than these bits; some tars have the type in the upper ones.
	differ("mode", fmt.Sprintf("%04o", file.Mode&07777), fmt.Sprintf("%04o", header.Mode&07777))
	differ("uid", file.UID, header.Uid)
	differ("gid", file.GID, header.Gid)
	switch file.Type {
	case "reg":
		differ("size", file.Size, header.Size)
	case "symlink", "hardlink":
		differ("linkname", file.LinkName, header.Linkname)
	case "char", "block":
		differ("major device number", int64(file.DevMajor), header.Devmajor)
		differ("minor device number", int64(file.DevMinor), header.Devminor)
	}
	compareTime(header, file, entry)
	compareXattrs(header, file, entry)
}

// compareTime: the TOC has whole seconds; a fraction may have been cut off or rounded.
func compareTime(header *tar.Header, file *tocFile, entry *findings) {
	inTar := header.ModTime
	if inTar.UTC().Year() < 1 || inTar.UTC().Year() > 9999 {
		// RFC 3339 cannot say it
		if file.ModTime3339 != "" {
			entry.add("modtime is %q in the TOC, %v in the tar", file.ModTime3339, inTar)
		}
		return
	}
	inTOC := time.Unix(0, 0)
	if file.ModTime3339 != "" {
		parsed, err := time.Parse(time.RFC3339, file.ModTime3339)
		if err != nil {
			entry.add("modtime: %v", err)
			return
		}
		inTOC = parsed
	}
	if seconds := inTOC.Unix(); seconds != inTar.Unix() && seconds != inTar.Round(time.Second).Unix() {
		entry.add("modtime is %q in the TOC, %v in the tar", file.ModTime3339, inTar.UTC())
	}
}

// compareXattrs passes over empty values: in a pax header they mean an empty attribute to some readers, none to others.
func compareXattrs(header *tar.Header, file *tocFile, entry *findings) {
	inTar := map[string]string{}
	for key, value := range header.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			inTar[strings.TrimPrefix(key, "SCHILY.xattr.")] = value
		}
	}
	for name, value := range inTar {
		if inTOC, present := file.Xattrs[name]; string(inTOC) != value || !present && value != "" {
			entry.add("xattr %q is %q in the TOC, %q in the tar", name, inTOC, value)
		}
	}
	for name := range file.Xattrs {
		if _, present := inTar[name]; !present {
			entry.add("xattr %q is not in the tar", name)
		}
	}
}

// compareData checks the digests, and that each piece starts the member that its offset names.
func compareData(content io.Reader, file *tocFile, b *blob, entry *findings) {
	if file.Type != "reg" {
		return
	}
	whole := sha256.New()
	for i, piece := range file.pieces {
		end := file.Size
		if i+1 < len(file.pieces) {
			end = file.pieces[i+1].ChunkOffset
		}
		part := sha256.New()
		if _, err := io.CopyN(io.MultiWriter(whole, part), content, end-piece.ChunkOffset); err != nil {
			entry.add("tar: %v", err)
			return
		}
		if actual := digest.NewDigest(digest.SHA256, part); actual.String() != piece.ChunkDigest {
			entry.add("chunk at %d has the digest %s, the TOC says %s", piece.ChunkOffset, actual, piece.ChunkDigest)
		}
		start := file.payload + piece.ChunkOffset
		if holder := b.memberAt[piece.Offset]; holder.plainOffset != start {
			entry.add("chunk at %d is byte %d of the tar, the member at its offset starts with byte %d",
				piece.ChunkOffset, start, holder.plainOffset)
		}
	}
	if actual := digest.NewDigest(digest.SHA256, whole); actual.String() != file.Digest {
		entry.add("has the digest %s, the TOC says %s", actual, file.Digest)
	}
}
