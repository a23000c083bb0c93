# Sourced by the scripts that make images of the running system's own release; needs bash, root and umoci.
#
#   begin OUTDIR            checks what is needed, and makes a place to work in
#   start_image             a bundle whose root is a minimal userland, its layer made
#   install_packages NAME…  into the root
#   configure OPTION…       options of "umoci config"
#   add_layer NAME          of what has changed in the root since the last one
#   finish_image            puts the layout into OUTDIR
#
# Everything comes from the mirror that this machine's apt uses. The userland takes half a minute to bootstrap, so its
# layer is kept in .build/fixtures/base for the next image; nothing else is left behind but OUTDIR.

program=${0##*/}
fail() { echo "$program: $*" >&2; exit 1; }
say() { printf '%s: %3d s  %s\n' "$program" "$SECONDS" "$*" >&2; }

begin() {
    local needed
    out=$1
    [ ! -e "$out" ] || fail "$out exists"
    [ "$(id -u)" = 0 ] || fail "needs root"
    for needed in apt-get debootstrap umoci; do
        command -v "$needed" >/dev/null || fail "$needed is not installed"
    done
    mkdir -p "$(dirname "$out")"
    out=$(realpath "$out")
    base=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")/.build/fixtures/base
    work=$(mktemp -d "${TMPDIR:-/tmp}/$program.XXXXXX")
    root=$work/bundle/rootfs
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    find_packages
}

clean_up() {
    local mounted
    for mounted in $(awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/mounts | tac); do
        umount -l "$mounted" || true
    done
    rm -rf --one-file-system "$work"
}

# --- where packages come from -------------------------------------------------------------------

# What apt makes of its sources, in either of their two syntaxes: the first entry with the suite.
source_field() {
    apt-get "${apt_lists[@]}" indextargets "Created-By: Packages" | awk -v suite="$suite" -v field="$1:" '
        /^(Suite|Codename|Release):/ && $2 == suite { matches = 1 }
        $1 == field { value = $2 }
        /^$/ { if (matches && found == "") found = value; matches = 0; value = "" }
        END { print found != "" ? found : matches ? value : "" }'
}

find_packages() {
    local scheme proxy
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    apt_lists=()
    mirror=$(source_field Repo-URI)
    if [ -z "$mirror" ]; then
        # No package lists on this machine: fetch them, for this run.
        mkdir -p "$work/apt/lists/partial"
        apt_lists=(-o "Dir::State::lists=$work/apt/lists" -o APT::Sandbox::User=root)
        apt-get -qq "${apt_lists[@]}" update >&2
        mirror=$(source_field Repo-URI)
    fi
    case $mirror in
        "") fail "apt has no source for $suite" ;;
        mirror+file:*) mirror=$(awk '/^[a-z]+:/ { print $1; exit }' "${mirror#mirror+file:}") ;;
    esac
    mirror=${mirror%/}
    keyring=$(source_field Signed-By)
    # debootstrap downloads with wget, which reads these and not apt's configuration.
    for scheme in http https; do
        proxy=$(apt-config dump --format '%v' "Acquire::$scheme::Proxy")
        case $proxy in
            "") ;;
            DIRECT) unset "${scheme}_proxy" ;;
            *) export "${scheme}_proxy=$proxy" ;;
        esac
    done
    mkdir -p "$work/apt/archives/partial"
}

# apt of this machine, with its sources and proxies, but for the packages installed in $root. The
# image itself never learns where the packages came from.
apt_for_root() {
    apt-get -qq -o "Dir::State::status=$root/var/lib/dpkg/status" \
        -o "Dir::State::extended_states=$work/apt/extended_states" \
        -o "Dir::Cache::archives=$work/apt/archives" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" \
        -o "APT::Sandbox::User=root" -o "APT::Keep-Downloaded-Packages=true" "${apt_lists[@]}" "$@"
}

install_packages() {
    rm -f "$work"/apt/archives/*.deb
    apt_for_root -y --no-install-recommends --download-only install "$@" >&2
    mkdir "$root/debs"
    mv "$work"/apt/archives/*.deb "$root/debs/"
    # The apt inside knows no source; it finds the order that pre-dependencies ask for.
    in_root sh -c 'apt-get -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io \
        install /debs/*.deb' >"$work/apt.log" 2>&1 ||
        { tail -n 20 "$work/apt.log" >&2; fail "apt-get failed in the new root"; }
    rm -rf "$root/debs"
}

# An empty package in the place of one that an image can do without.
stand_in_for() {
    mkdir -p "$work/stand-in/DEBIAN" "$root/debs"
    printf '%s\n' "Package: $1" "Version: 99" "Architecture: all" "Maintainer: nobody <nobody@localhost>" \
        "Description: stand-in" >"$work/stand-in/DEBIAN/control"
    dpkg-deb --build "$work/stand-in" "$root/debs/stand-in.deb" >"$work/apt.log"
    in_root dpkg --install /debs/stand-in.deb >"$work/apt.log"
    rm -r "$root/debs"
}

in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
        chroot "$root" "$@"
}

# --- the image ----------------------------------------------------------------------------------

start_image() {
    if [ -e "$base/index.json" ]; then
        cp -r "$base" "$work/layout"
        umoci unpack --image "$work/layout:latest" "$work/bundle"
        say "base, as made before"
        return
    fi
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:latest"
    umoci config --image "$work/layout:latest" \
        --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    umoci unpack --image "$work/layout:latest" "$work/bundle"
    timeout 600 debootstrap --variant=minbase ${keyring:+--keyring="$keyring"} "$suite" "$root" "$mirror" \
        >"$work/debootstrap.log" 2>&1 || {
        # The log and the mirror's address are only of interest when it fails.
        tail -n 20 "$work/debootstrap.log" >&2
        fail "debootstrap failed"
    }
    # The name and the resolver of this machine, which debootstrap copies.
    : >"$root/etc/resolv.conf"
    echo localhost >"$root/etc/hostname"
    add_layer base
    mkdir -p "$(dirname "$base")"
    cp -r "$work/layout" "$base.$$"
    # Another script may have been quicker.
    mv -T "$base.$$" "$base" 2>/dev/null || rm -r "$base.$$"
}

# What the image runs, and how; written at the end, since layers go on top of what was unpacked.
configuration=()
configure() { configuration+=("$@"); }

# Turns what has changed in $root since the last call into a layer.
add_layer() {
    rm -rf "$root"/var/cache/{apt,debconf}/* "$root"/var/lib/apt/lists/* "$root"/tmp/* \
        "$root"/etc/apt/sources.list "$root"/var/lib/dpkg/*-old "$root"/var/cache/ldconfig/aux-cache
    find "$root/var/log" -type f -delete
    umoci repack --refresh-bundle --history.created_by "$1" --image "$work/layout:latest" "$work/bundle"
    say "$1"
}

finish_image() {
    umoci config --image "$work/layout:latest" "${configuration[@]}"
    umoci gc --layout "$work/layout"
    chmod -R a+rX "$work/layout"
    mv "$work/layout" "$out"
    say "$out: $(du -sm "$out" | cut -f 1) MB, unpacked $(du -sm --one-file-system "$root" | cut -f 1) MB"
}
