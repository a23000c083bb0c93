// stargz-store MOUNTPOINT ROOT: an additional layer store for Podman and CRI-O that mounts eStargz layers lazily from
// registries that speak plain HTTP. Only a test uses it (Debian ships the library, not the daemon).
//
// Built from Debian's golang-github-containerd-stargz-snapshotter-dev, without a network:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o OUT Tests/EndToEndTests/stargz-store/main.go
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/containerd/containerd/reference"
	"github.com/containerd/containerd/remotes/docker"
	"github.com/containerd/stargz-snapshotter/fs/config"
	"github.com/containerd/stargz-snapshotter/metadata/memory"
	"github.com/containerd/stargz-snapshotter/store"
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
	mountpoint, root := os.Args[1], os.Args[2]
	// Without the background fetch the bytes that pass are those that were asked for.
	layers, err := store.NewLayerManager(context.Background(), root, plainHTTP, memory.NewReader,
		config.Config{NoPrometheus: true, NoBackgroundFetch: true})
	must(err)
	must(store.Mount(context.Background(), mountpoint, layers, false))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	<-signals
	must(syscall.Unmount(mountpoint, syscall.MNT_DETACH))
}
