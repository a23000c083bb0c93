# Sourced by the scripts beside it: runs their inner half in PID and mount namespaces of its own. When they end, no
# process and no mount is left, even after SIGKILL; the outer half removes the files.
#
# Exit status of all of them: 77 when something they need is missing (stderr says what).

PATH=$PATH:/usr/sbin:/sbin
me=${0##*/}

fail() { echo "$me: $*" >&2; exit 1; }
missing() { echo "$me: missing: $*" >&2; exit 77; }

wait_for() { # SECONDS COMMAND…
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

need() { # PROGRAM…
    [ "$(id -u)" = 0 ] || missing "root"
    local program
    for program in setpriv unshare "$@"; do
        command -v "$program" >/dev/null || missing "the program $program"
    done
}

need_fuse() {
    [ -c /dev/fuse ] && { : <>/dev/fuse; } 2>/dev/null || missing "/dev/fuse"
    [ -d /sys/fs/cgroup ] || missing "/sys/fs/cgroup"
}

# Makes $work, a directory whose name begins with $1; short, because a socket's path has at most 107 bytes.
make_work() {
    namespaces=(setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc --mount --propagation private)
    "${namespaces[@]}" true 2>/dev/null || missing "the right to make namespaces and to mount"
    work=$(mktemp -d "/tmp/$1.XXXXXX")
    child=
    trap finish EXIT
    trap 'exit 1' INT TERM HUP
}

finish() {
    trap '' INT TERM
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do # processes die at their own pace
        find /sys/fs/cgroup -maxdepth 4 -depth -type d -path "*/${work##*/}*" -exec rmdir {} + 2>/dev/null &&
            rm -rf --one-file-system "$work" 2>/dev/null && break
        sleep 0.3
    done
}

# A program over Debian's snapshotter library: $1 if it was built before (saves 15 s), else built from $2 into $3.
build_go() {
    if [ -n "$1" ]; then
        ln -s "$(realpath "$1")" "$3"
        return
    fi
    command -v go >/dev/null || missing "the program go"
    [ -d /usr/share/gocode/src/github.com/containerd/stargz-snapshotter ] ||
        missing "the package golang-github-containerd-stargz-snapshotter-dev"
    GO111MODULE=off GOFLAGS='' GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-${HOME:-$work}/.cache/go-build}" \
        timeout 300 go build -o "$3" "$(dirname "$0")/$2" >&2 || fail "cannot build $2"
}

# Runs this script again, in namespaces, as `--inside $work ARGUMENT…`, and takes over its exit status.
run_inside() {
    "${namespaces[@]}" "$0" --inside "$work" "$@" &
    child=$!
    local status=0
    wait "$child" || status=$?
    child=
    return "$status"
}

# Starts containerd in $work, with $1 as more configuration, and waits until it answers.
start_containerd() {
    # What has a fixed path (the shims' sockets) is ours alone as well.
    mkdir -p /run/containerd
    mount -t tmpfs tmpfs /run/containerd
    cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "$work/c.sock"
[ttrpc]
address = "$work/t.sock"
[debug]
level = "warn"
$1
TOML
    timeout -k 2 600 containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
    containerd=$!
    wait_for 20 timeout 2 ctr --address "$work/c.sock" version
}
