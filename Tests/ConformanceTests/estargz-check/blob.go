package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	digest "github.com/opencontainers/go-digest"
)

// member is one gzip member of a blob: where it starts there, and which part of the plain tar it holds.
type member struct {
	offset, plainOffset, plainSize int64
}

// blob is a layer read once from front to back. Its plain tar is kept for random access.
type blob struct {
	file, plain     *os.File
	size, plainSize int64
	digest, diffID  digest.Digest
	members         []member
	memberAt        map[int64]member
}

// readBlob inflates all members; the gzip reader checks the CRC and length of each.
func readBlob(path string) (*blob, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	plain, err := spool()
	if err != nil {
		file.Close()
		return nil, err
	}
	b := &blob{file: file, plain: plain, memberAt: map[int64]member{}}
	if err := b.readMembers(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// spool opens a file that is gone when closed.
func spool() (*os.File, error) {
	file, err := os.CreateTemp("", "estargz-check")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

func (b *blob) close() {
	b.file.Close()
	b.plain.Close()
}

func (b *blob) readMembers() error {
	blobHash, plainHash := sha256.New(), sha256.New()
	source := &countingReader{reader: bufio.NewReaderSize(io.TeeReader(b.file, blobHash), 1<<20)}
	plain := bufio.NewWriterSize(io.MultiWriter(b.plain, plainHash), 1<<20)
	inflater := new(gzip.Reader)
	for !source.atEnd() {
		next := member{offset: source.count, plainOffset: b.plainSize}
		if err := inflater.Reset(source); err != nil {
			return fmt.Errorf("gzip member at offset %d: %w", next.offset, noEOF(err))
		}
		inflater.Multistream(false)
		size, err := io.Copy(plain, inflater)
		if err != nil {
			return fmt.Errorf("gzip member at offset %d: %w", next.offset, noEOF(err))
		}
		next.plainSize = size
		b.plainSize += size
		b.members = append(b.members, next)
		b.memberAt[next.offset] = next
	}
	if err := plain.Flush(); err != nil {
		return err
	}
	b.size = source.count
	b.digest = digest.NewDigest(digest.SHA256, blobHash)
	b.diffID = digest.NewDigest(digest.SHA256, plainHash)
	return nil
}

// noEOF: the end of the file in the middle of a member is not an end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// countingReader knows how far it was read. That it has ReadByte keeps the inflater from reading ahead,
// so the count after a member is the start of the next.
type countingReader struct {
	reader *bufio.Reader
	count  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.count += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.reader.ReadByte()
	if err == nil {
		c.count++
	}
	return b, err
}

func (c *countingReader) atEnd() bool {
	_, err := c.reader.Peek(1)
	return err != nil
}

// footerSize is that of the form with a proper gzip Extra field; the legacy form has 47 bytes.
const footerSize = 51

// checkFooter compares the last member with the constant form and answers the TOC's offset.
func checkFooter(b *blob, found *findings) int64 {
	var footer [footerSize]byte
	if b.size < footerSize {
		found.add("footer: the blob has only %d bytes", b.size)
		return 0
	}
	if _, err := b.file.ReadAt(footer[:], b.size-footerSize); err != nil {
		found.add("footer: %v", err)
		return 0
	}
	// bytes 16..31 hold the offset, as lower-case hexadecimal digits
	var offset int64
	if _, err := fmt.Sscanf(string(footer[16:32]), "%016x", &offset); err != nil {
		found.add("footer: offset %q: %v", footer[16:32], err)
		return 0
	}
	expected := "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x1a\x00SG\x16\x00" +
		fmt.Sprintf("%016x", offset) + "STARGZ" +
		"\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	if string(footer[:]) != expected {
		found.add("footer is %x not %x", footer, expected)
		return 0
	}
	last := len(b.members) - 1
	if b.members[last].offset != b.size-footerSize {
		found.add("footer starts no gzip member")
	} else if last == 0 || b.members[last-1].offset != offset {
		found.add("footer points to %d, which is not the start of the member before the footer", offset)
	}
	return offset
}
