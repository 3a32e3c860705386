#!/bin/bash
# prove.sh [BASE_ROOT]: builds the Dockerfile without a registry and shows that its promises hold.
# BASE_ROOT is the root of a minimal Debian 12 (debootstrap --variant=minbase bookworm); without it
# one is made, from the package source that this host itself uses, or from $MIRROR.
# Needs root, buildah (chroot isolation), curl, unshare, and debootstrap for a base. Everything is
# made in a folder under ${TMPDIR:-/var/tmp}, which goes with it ($KEEP_IMAGE=DIR keeps the image's
# root there). $JOBS compilers at a time; $SETUP is a command run with the base's root as its
# argument, for package sources that need more than their address. UNTIMED=1: the time to ready is
# told, not judged (a machine that does other work too).
# Exit code 77: nothing was shown, since a tool, root or the package source is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

most_mib=60
most_ms=100
failed=0

say() { printf '%-46s %s\n' "$1" "$2"; }
holds() {  # NAME VALUE TEST...: a line, and whether the promise holds
  local name=$1 value=$2
  shift 2
  if "$@"; then say "$name" "$value"; else say "$name" "$value  FAILED"; failed=1; fi
}
skip() { echo "prove.sh: $*; nothing is shown" >&2; exit 77; }

for tool in buildah curl unshare ${1:-debootstrap}; do
  [ -d "$tool" ] || command -v "$tool" >/dev/null || skip "$tool is missing"
done
[ "$(id -u)" -eq 0 ] || skip "root is needed, for chroot and mounts"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/weir-prove.XXXXXX")
gateway=
b() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
clean() {
  [ -z "$gateway" ] || kill -KILL "$gateway" 2>/dev/null || true
  b rm --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$work"
}
trap clean EXIT

root=${1:-}
if [ -z "$root" ]; then
  root=$work/base
  tests/fresh/minimal_root.sh "$root" || skip "no base could be made"
fi

# --- the image
base=$(b from scratch) || skip "buildah does not work here"
b copy --quiet "$base" "$root" / >/dev/null
into=$(b mount "$base")
rm -rf "$into"/var/cache/apt/archives/*.deb "$into"/var/lib/apt/lists/*
[ -z "${SETUP:-}" ] || $SETUP "$into"
b umount "$base" >/dev/null
b commit --quiet --rm "$base" localhost/base:proof >/dev/null
began=$SECONDS
b bud --isolation chroot --format docker --pull-never --build-arg BASE=localhost/base:proof \
  --build-arg JOBS="${JOBS:-}" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || true)" \
  -t localhost/weir:proof . >"$work/log" 2>&1 || {
  tail -40 "$work/log"
  # What apt says when it does not reach its source.
  ! grep -Eq '^E: (Failed to fetch|Unable to locate|Unable to fetch)' "$work/log" ||
    skip "the packages could not be had"
  exit 1
}
echo "--- the build's steps"
grep -E '^(\[[0-9/]+\] )?(STEP|COMMIT|Successfully)' "$work/log"
grep -Ei 'warning|error' "$work/log" | grep -v 'Building CXX' | head || true
echo "--- what it is"
say "built in" "$((SECONDS - began)) s"

made=$(b from --pull-never localhost/weir:proof)
old=$(b from --pull-never localhost/base:proof)
image=$(b mount "$made")
mib() { du -sm --apparent-size "$1" | cut -f1; }
above=$(($(mib "$image") - $(mib "$(b mount "$old")")))
holds "size above the base, MiB (below $most_mib)" "$above" [ "$above" -lt $most_mib ]
config() { b inspect --type image --format "{{.Docker.Config.$1}}" localhost/weir:proof; }
user=$(config User)
holds "user" "$user" [ "${user%%:*}" -ge 1000 ]
folder=$(stat -c %u:%g "$image/var/lib/weir" 2>/dev/null || true)
holds "owner of /var/lib/weir" "$folder" [ "$folder" = "$user" ]
holds "health check" "$(config Healthcheck.Test)" \
  [ "$(config Healthcheck.Test)" = "[CMD /usr/local/bin/weir health]" ]
holds "entry point" "$(config Entrypoint) $(config Cmd)" \
  [ "$(config Entrypoint) $(config Cmd)" = "[/usr/local/bin/weir] [run]" ]
for label in title description version revision; do
  value=$(b inspect --type image --format \
    "{{index .Docker.Config.Labels \"org.opencontainers.image.$label\"}}" localhost/weir:proof)
  holds "label $label" "$value" [ -n "$value" ]
done

# --- the program in it, on a root that cannot be written to, without a shell
echo "--- how it runs"
cat >"$image/etc/weir/weir.yaml" <<YAML
version: 1
admin: {bind: "127.0.0.1:0"}
access_log: {path: "off"}
listeners: [{name: http, bind: "127.0.0.1:0"}]
routes: [{name: up, match: {path: /ping}, respond: {status: 200, body: "pong\n"}}]
YAML
# Runs a command of the image as its user in a namespace of its own; $work/began: when.
inside() {  # never returns: to be called in the background or in ( )
  exec unshare --mount --propagation private -- /bin/sh -c '
    image=$1 user=$2 began=$3; shift 3
    mount --bind "$image" "$image" && mount -o remount,bind,ro "$image" || exit 99
    date +%s%3N >"$began"
    exec chroot --userspec="$user" --groups= "$image" "$@"' sh "$image" "$user" "$work/began" "$@"
}
start() {
  inside /usr/local/bin/weir run 2>"$work/weir.log" &
  gateway=$!
  for _ in $(seq 1000); do
    if grep -q ' info ready' "$work/weir.log"; then
      port=$(sed -n 's/.*name=http address=.*:\([0-9]*\)$/\1/p' "$work/weir.log")
      admin=$(sed -n 's/.*name=admin address=.*:\([0-9]*\)$/\1/p' "$work/weir.log")
      return
    fi
    kill -0 $gateway 2>/dev/null || break
    read -rt 0.01 <> <(:) || true
  done
  cat "$work/weir.log"
  exit 1
}
stop() { kill -TERM $gateway && wait $gateway && code=0 || code=$?; gateway=; }

times=()
for _ in 1 2 3 4 5; do
  start
  ready=$(awk '/ info ready/ { print $1 }' "$work/weir.log")
  times+=($(($(date -d "$ready" +%s%3N) - $(cat "$work/began"))))
  stop
done
median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)
holds "start to ready, ms (below $most_ms)" "$median (of ${times[*]})" \
  [ "${UNTIMED:-}" = 1 -o "$median" -lt $most_ms ]

start
holds "serves" "$(curl -s "http://127.0.0.1:$port/ping")" \
  [ "$(curl -s "http://127.0.0.1:$port/ping")" = pong ]
ids=$(awk '/^[UG]id:/ { print $2 }' /proc/$gateway/status | paste -sd:)
holds "runs as" "$ids" [ "$ids" = "$user" ]
holds "capabilities" "$(awk '/^CapEff/ { print $2 }' /proc/$gateway/status)" \
  grep -q '^CapEff:.0*$' /proc/$gateway/status
(inside /usr/local/bin/weir health --admin "127.0.0.1:$admin") && code=0 || code=$?
holds "weir health, ready" "exit $code" [ $code -eq 0 ]
(inside /bin/sh -c 'echo x >/etc/weir/written' 2>/dev/null) && code=0 || code=$?
holds "the root can be written to" "exit $code" [ $code -ne 0 ]
stop
holds "ended by SIGTERM" "exit $code" [ $code -eq 0 ]
(inside /usr/local/bin/weir health --admin "127.0.0.1:$admin" 2>/dev/null) && code=0 || code=$?
holds "weir health, gone" "exit $code" [ $code -eq 1 ]
rm "$image/bin/sh" "$image/bin/bash"
start
stop
holds "without a shell in the image" "exit $code" [ $code -eq 0 ]

if [ -n "${KEEP_IMAGE:-}" ]; then cp -a "$image" "$KEEP_IMAGE"; fi
[ $failed -eq 0 ] || { echo "a promise does not hold" >&2; exit 1; }
