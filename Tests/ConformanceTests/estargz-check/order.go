package main

import (
	"io"
	"os"
	"strings"

	"github.com/containerd/stargz-snapshotter/estargz"
)

// checkFirst: the entries before the landmark are those of a file, in its order, and a snapshotter
// that prefetches up to the landmark has the data of all of them, and of nothing else.
func checkFirst(b *blob, path string, found *findings) {
	text, err := os.ReadFile(path)
	if err != nil {
		found.add("%v", err)
		return
	}
	wanted := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	reader, err := estargz.Open(io.NewSectionReader(b.file, 0, b.size))
	if err != nil {
		found.add("estargz.Open: %v", err)
		return
	}
	landmark, present := reader.Lookup(estargz.PrefetchLandmark)
	if !present {
		found.add("there is no %s", estargz.PrefetchLandmark)
		return
	}
	t, err := readTOC(b, checkFooter(b, found))
	if err != nil {
		found.add("TOC: %v", err)
		return
	}
	isBefore := true
	var names []string
	for _, file := range t.files {
		if file.cleaned == estargz.PrefetchLandmark {
			isBefore = false
			continue
		}
		if isBefore {
			names = append(names, file.cleaned)
		}
		if len(file.pieces) > 0 {
			seen, known := reader.Lookup(file.cleaned)
			if !known || (seen.Offset < landmark.Offset) != isBefore {
				found.add("entry %q: its data is on the wrong side of the landmark", file.Name)
			}
		}
	}
	if strings.Join(names, "\n") != strings.Join(wanted, "\n") {
		found.add("before the landmark come %q, not %q", names, wanted)
	}
}
