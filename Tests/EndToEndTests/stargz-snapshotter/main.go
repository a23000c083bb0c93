// stargz-snapshotter SOCKET ROOT: a containerd snapshotter that mounts eStargz layers lazily from
// registries that speak plain HTTP. Only a test uses it (Debian ships the library, not the daemon).
//
// Built from Debian's golang-github-containerd-stargz-snapshotter-dev, without a network:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o OUT Tests/EndToEndTests/stargz-snapshotter/main.go
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/contrib/snapshotservice"
	"github.com/containerd/containerd/reference"
	"github.com/containerd/containerd/remotes/docker"
	"github.com/containerd/stargz-snapshotter/fs"
	"github.com/containerd/stargz-snapshotter/fs/config"
	"github.com/containerd/stargz-snapshotter/fs/source"
	"github.com/containerd/stargz-snapshotter/snapshot"
	"google.golang.org/grpc"
)

func plainHTTP(image reference.Spec) ([]docker.RegistryHost, error) {
	return []docker.RegistryHost{{
		Client:       &http.Client{Transport: http.DefaultTransport}, // the library uses the transport itself
		Host:         image.Hostname(),
		Scheme:       "http",
		Path:         "/v2",
		Capabilities: docker.HostCapabilityPull | docker.HostCapabilityResolve,
	}}, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	socket, root := os.Args[1], os.Args[2]
	filesystem, err := fs.NewFilesystem(root+"/fs", config.Config{NoPrometheus: true},
		fs.WithGetSources(source.FromDefaultLabels(plainHTTP)))
	must(err)
	snapshotter, err := snapshot.NewSnapshotter(context.Background(), root+"/snapshotter", filesystem)
	must(err)
	server := grpc.NewServer()
	snapshots.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	listener, err := net.Listen("unix", socket)
	must(err)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { <-signals; server.Stop() }()
	must(server.Serve(listener))
	must(snapshotter.Close()) // unmounts the layers
}
