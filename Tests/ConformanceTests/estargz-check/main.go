// estargz-check holds eStargz layers against the Go library that lazy-pulling snapshotters use, and
// against the rules that library does not check. It takes nothing from esgz.
//
// Built with Debian's packages golang-go and golang-github-containerd-stargz-snapshotter-dev,
// without network, from the top of the repository:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o OUT ./Tests/ConformanceTests/estargz-check
//
// It prints one line per layer, errors go to stderr. Exit status 0: no finding, 1: findings, 2: usage.
package main

import (
	"flag"
	"fmt"
	"os"

	digest "github.com/opencontainers/go-digest"
)

func main() {
	blob := flag.String("blob", "", "check the single layer `FILE`")
	tocDigest := flag.String("toc-digest", "", "expected TOC `DIGEST`, with -blob")
	first := flag.String("first", "", "with -blob: a `FILE` with the names that come before the landmark, one a line")
	all := flag.Bool("all", false, "a layer without TOC annotation is an error")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: estargz-check [-all] LAYOUTDIR TAG\n"+
			"       estargz-check -blob FILE [-toc-digest DIGEST] [-first FILE]")
		flag.PrintDefaults()
	}
	flag.Parse()

	var found *findings
	switch {
	case *blob != "" && flag.NArg() == 0:
		found = checkFile(*blob, digest.Digest(*tocDigest), *first)
	case *blob == "" && *tocDigest == "" && *first == "" && flag.NArg() == 2:
		found = checkImage(flag.Arg(0), flag.Arg(1), *all)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if found.report() {
		os.Exit(1)
	}
}

// checkFile checks one blob that no manifest describes, and what comes first in it if first is a file.
func checkFile(path string, tocDigest digest.Digest, first string) *findings {
	found := newFindings(path)
	blob, err := readBlob(path)
	if err != nil {
		found.add("%v", err)
		return found
	}
	defer blob.close()
	summary := checkBlob(blob, tocDigest, found)
	if first != "" && found.none() {
		checkFirst(blob, first, found)
	}
	if found.none() {
		fmt.Printf("%s ok %s\n", blob.digest, summary)
	}
	fmt.Printf("tocDigest=%s diffID=%s\n", summary.tocDigest, blob.diffID)
	return found
}

// summary is what the line of a layer says.
type summary struct {
	entries, chunks, members int
	tocDigest                digest.Digest
}

func (s summary) String() string {
	return fmt.Sprintf("entries=%d chunks=%d members=%d", s.entries, s.chunks, s.members)
}

// checkBlob runs all checks that need only the blob; an empty tocDigest is not compared. Each stage
// relies on what the earlier ones found in order; so it ends with the first stage that has findings.
// In particular the library is only let at a blob whose TOC is sound: some bad ones crash it.
func checkBlob(b *blob, tocDigest digest.Digest, found *findings) summary {
	found = found.within("blob")
	result := summary{members: len(b.members)}
	tocOffset := checkFooter(b, found)
	if !found.none() {
		return result
	}
	toc, err := readTOC(b, tocOffset)
	if err != nil {
		found.add("TOC: %v", err)
		return result
	}
	result.tocDigest = toc.digest
	result.entries, result.chunks = len(toc.files), toc.chunks
	if tocDigest != "" && tocDigest != toc.digest {
		found.add("TOC digest is %s not %s", toc.digest, tocDigest)
	}
	checkTOC(toc, b, found)
	if !found.none() {
		return result
	}
	checkArchive(toc, b, found)
	if !found.none() {
		return result
	}
	checkWithLibrary(toc, b, found)
	return result
}
