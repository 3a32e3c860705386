#!/bin/bash
# package.sh [DEB [TARBALL]]: the life of the Debian package on a fresh minimal Debian 12, as a transcript: it
# installs, is started by hand and answers, is upgraded with an edited configuration kept and the running
# process left alone, and is purged with nothing left. Then the tarball runs on another one, where nothing was
# installed. Without arguments both are made first (./dev package).
# Needs root, debootstrap, unshare and ip; what lintian says is shown where it is here.
# Everything is made in a folder under ${TMPDIR:-/var/tmp} and goes with it. $SETUP is a command run with each
# root as its argument, for package sources that need more than their address.
# Exit code 77: nothing was shown, since a tool or root is missing. 1: a promise does not hold.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "package.sh: $*; nothing is shown" >&2; exit 77; }
for tool in debootstrap unshare ip dpkg-deb; do
  command -v "$tool" >/dev/null || skip "$tool is missing"
done
[ "$(id -u)" -eq 0 ] || skip "root is needed, for chroot and mounts"
deb=${1:-} tarball=${2:-}
[ -n "$deb" ] || deb=$(./dev package | tail -1)
[ -n "$tarball" ] || [ -n "${1:-}" ] || tarball=$(./dev package --tar | tail -1)

work=$(mktemp -d "${TMPDIR:-/var/tmp}/weir-package.XXXXXX")
served=
clean() {
  [ -z "$served" ] || kill -KILL "$served" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap clean EXIT
failed=0
holds() { # WHAT TEST...: a line, and whether the promise holds
  local what=$1
  shift
  if "$@"; then echo "  holds: $what"; else echo "  FAILED: $what"; failed=1; fi
}

# Runs a shell line in $root, in process and mount namespaces that end with it; `alone` also has a network of
# its own, with loopback and nothing else.
inside() { enter "" "$1"; }
alone() { enter --net "$1"; }
enter() {
  # shellcheck disable=SC2086
  unshare --mount --propagation private --pid --fork --kill-child $1 -- /bin/bash -c '
    [ "$3" = "" ] || ip link set lo up
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 99
    exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      DEBIAN_FRONTEND=noninteractive /bin/bash -c "$2"' bash "$root" "$2" "$1"
}
say() { # runs a line inside and shows both; what it came to is asked behind it
  echo "\$ $1"
  inside "$1" 2>&1 | sed 's/^/  /' || true
}
# A GET without a client's program: minimal Debian has none.
get='get() { exec 3<>/dev/tcp/127.0.0.1/$1; printf "GET $2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3; cat <&3; }'
wait_ready='for i in $(seq 300); do grep -q " ready" /tmp/log && break; sleep 0.1; done'
# Files that are there, apart from what apt and dpkg note for themselves.
list() { (cd "$root" && find . -xdev -path ./var/lib/dpkg -prune -o -path ./var/lib/apt -prune -o \
  -path ./var/cache -prune -o -path ./var/log/apt -prune -o -path ./tmp -prune -o -path ./proc -prune -o \
  -path ./root -prune -o -print | grep -vE '^./(var/log/(dpkg|alternatives).log|etc/ld.so.cache|dev)' | sort); }

echo "== the package"
dpkg-deb --info "$deb" | sed -n 's/^ \(Package\|Version\|Installed-Size\|Depends\|Recommends\):/  \1:/p'
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error "$deb" >"$work/lintian" 2>&1 && lint=0 || lint=$?
  sed 's/^/  lintian: /' "$work/lintian"
  holds "lintian finds no error" [ "$lint" -eq 0 ]
else
  echo "  lintian is missing"
fi

tests/fresh/minimal_root.sh "$work/minimal" || skip "no root could be made"
cp -L /etc/resolv.conf "$work/minimal/etc/resolv.conf"
[ -z "${SETUP:-}" ] || $SETUP "$work/minimal"
root=$work/minimal
inside 'apt-get update -qq' || skip "the package source cannot be reached"

echo "== it installs"
root=$work/life
cp -a "$work/minimal" "$root"
list >"$work/before"
cp "$deb" "$root/root/first.deb"
say 'apt-get install -y -qq --no-install-recommends /root/first.deb 2>&1 | tail -1'
say 'weir version | head -1; weir check -c /etc/weir/weir.yaml; dpkg-query -L weir | grep -E "/(bin|man.|completions|systemd/system|weir)/"'
holds "nothing was started" [ -z "$(pgrep -x weir | while read -r one; do
  [ "$(readlink "/proc/$one/root")" != "$root" ] || echo "$one"; done)" ]
echo "== it is started by hand and answers"
alone "$get; weir run >/tmp/access 2>/tmp/log & $wait_ready
  get 8080 / | tr -d '\r' | sed -n '1p;/<h1>/p'; get 8080 /other | head -1; weir health && echo healthy; kill %1; wait %1; echo ended with \$?" \
  >"$work/answer" 2>&1 || true
sed 's/^/  /' "$work/answer"
holds "the welcome page" grep -q '<h1>Welcome to Weir</h1>' "$work/answer"
holds "and nothing else" grep -q '404' "$work/answer"
holds "ends cleanly" grep -q 'ended with 0' "$work/answer"

echo "== it is upgraded"
mkdir "$work/next"
dpkg-deb -R "$deb" "$work/next/tree"
old=$(dpkg-deb -f "$deb" Version)
sed -i "s/^Version: .*/Version: $old+next/" "$work/next/tree/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/next/tree" "$root/root/second.deb" >/dev/null
sed -i 's/Welcome to Weir/Edited/' "$root/etc/weir/weir.yaml"
enter --net "$get; cd /; weir run >/tmp/access 2>/tmp/log & $wait_ready
  apt-get install -y -qq --no-install-recommends /root/second.deb 2>&1 | tail -1; dpkg-query -W weir
  get 8080 / | grep '<h1>'; kill -HUP %1; get 8080 / | grep -c '<h1>Edited'; kill %1; wait %1; echo ended with \$?" \
  >"$work/answer" 2>&1 || true
sed 's/^/  /' "$work/answer"
holds "the new version is installed" grep -q "^weir.*$old+next" "$work/answer"
holds "the edited configuration is kept" grep -q '<h1>Edited</h1>' "$root/etc/weir/weir.yaml"
holds "what ran served on meanwhile" grep -q 'ended with 0' "$work/answer"
# A version that brings another configuration, too: the edited one stays, the new one lies beside it.
sed -i 's/Welcome to Weir/Hello/' "$work/next/tree/etc/weir/weir.yaml"
sed -i "s/^Version: .*/Version: $old+third/" "$work/next/tree/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/next/tree" "$root/root/third.deb" >/dev/null
say 'dpkg --force-confdef --force-confold -i /root/third.deb 2>&1 | tail -2; ls /etc/weir; grep -h "<h1>" /etc/weir/*'
holds "an edited configuration survives a new default" grep -q '<h1>Edited</h1>' "$root/etc/weir/weir.yaml"

echo "== it is removed, then purged"
mkdir -p "$root/var/log/private/weir" "$root/var/lib/private/weir"
touch "$root/var/log/private/weir/access.log"
say 'apt-get remove -y -qq weir 2>&1 | tail -1; ls /etc/weir; weir version 2>&1'
holds "remove keeps the configuration" [ -e "$root/etc/weir/weir.yaml" ]
say 'apt-get purge -y -qq weir 2>&1 | tail -1; apt-get autoremove --purge -y -qq 2>&1 | tail -1; dpkg-query -W weir 2>&1'
rmdir "$root/var/log/private" "$root/var/lib/private" 2>/dev/null || true # systemd's own, made above
list >"$work/after"
diff "$work/before" "$work/after" | sed 's/^/  left: /' || true
holds "nothing is left" cmp -s "$work/before" "$work/after"

echo "== its units, where systemd is installed"
root=$work/units
cp -a "$work/minimal" "$root"
cp "$deb" "$root/root/first.deb"
inside 'apt-get install -y -qq --no-install-recommends systemd /root/first.deb' >"$work/log" 2>&1 || tail "$work/log"
say 'systemd-analyze verify --man=no weir.service weir.socket; echo verified with $?; systemctl enable weir.service; apt-get purge -y -qq weir | tail -1; systemctl is-enabled weir.service' |
  tee "$work/answer"
holds "systemd-analyze verify accepts weir.service and weir.socket" grep -q 'verified with 0' "$work/answer"
holds "it has nothing to say of them" [ "$(grep -c '^  .*weir\.\(service\|socket\)\(:\|:[0-9]*:\) ' "$work/answer")" = 0 ]
holds "a purge takes the unit's links along" [ -z "$(find "$root/etc/systemd" -name 'weir*')" ]

if [ -n "$tarball" ]; then
  echo "== the tarball, where nothing was installed"
  root=$work/minimal
  tar -xzf "$tarball" -C "$root/opt"
  folder=/opt/$(basename "$tarball" .tar.gz)
  sed 's/^/  /' "$root$folder/LIBRARIES"
  alone "$get; cd $folder; bin/weir version | head -1; bin/weir run -c weir.yaml >/tmp/access 2>/tmp/log & $wait_ready
    get 8080 / | grep '<h1>'; kill %1; wait %1; echo ended with \$?; ldd bin/weir | grep -c 'not found'" >"$work/answer" 2>&1 || true
  sed 's/^/  /' "$work/answer"
  holds "it serves" grep -q '<h1>Welcome to Weir</h1>' "$work/answer"
  holds "every library is found" grep -qx 0 "$work/answer"
fi
[ $failed -eq 0 ] || { echo "a promise does not hold" >&2; exit 1; }
