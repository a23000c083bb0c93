package main

import (
	"fmt"
	"os"
)

// A systematic fault would repeat itself for each of thousands of entries.
const reportedFindings = 20

// findings collects what is wrong with one thing and, at the same time, with the things it is part of.
type findings struct {
	context string
	parent  *findings
	list    []string
}

func newFindings(context string) *findings {
	return &findings{context: context}
}

// within names the part that findings are about.
func (f *findings) within(format string, arguments ...interface{}) *findings {
	return &findings{context: f.context + ": " + fmt.Sprintf(format, arguments...), parent: f}
}

func (f *findings) add(format string, arguments ...interface{}) {
	finding := f.context + ": " + fmt.Sprintf(format, arguments...)
	for thing := f; thing != nil; thing = thing.parent {
		thing.list = append(thing.list, finding)
	}
}

func (f *findings) none() bool {
	return len(f.list) == 0
}

// report prints the findings and says whether there are any.
func (f *findings) report() bool {
	for i, finding := range f.list {
		if i == reportedFindings {
			fmt.Fprintf(os.Stderr, "… and %d more\n", len(f.list)-i)
			break
		}
		fmt.Fprintln(os.Stderr, finding)
	}
	return !f.none()
}
