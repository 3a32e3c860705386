#!/bin/bash
# prove.sh [HABIT...]: shows that `./dev HABIT` does all of its work as the first command ever run on a minimal
# Debian 12. HABIT: run, test (these two are the default), build, style, lint, asan, tsan, fuzz, bench, package, peers. Each
# gets a root of its own, made by debootstrap --variant=minbase with git, and a clone of the commit that is checked
# out here, which must be clean. Of `run` every curl line that the demo prints is run, too.
# Prints of each: how long it took, and what it added to the root.
# Needs root, debootstrap, unshare, and the ports 8080 and 9901 for `run`. Everything is made in a folder under
# ${TMPDIR:-/var/tmp} and goes with it; $KEEP=1 keeps the folder. $SETUP is a command run with each root as its
# argument, for package sources that need more than their address.
# Exit code 77: nothing was shown, since a tool or root is missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "prove.sh: $*; nothing is shown" >&2; exit 77; }
for tool in debootstrap unshare git; do
  command -v "$tool" >/dev/null || skip "$tool is missing"
done
[ "$(id -u)" -eq 0 ] || skip "root is needed, for chroot and mounts"
[ -z "$(git status --porcelain)" ] || { echo "prove.sh: commit first: a clone is what is tried" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/weir-fresh.XXXXXX")
running=
clean() {
  [ -z "$running" ] || kill -KILL "$running" 2>/dev/null || true
  [ "${KEEP:-}" = 1 ] || rm -rf --one-file-system "$work"
}
trap clean EXIT

# Runs a shell line in $root/weir, in process and mount namespaces that end with it.
inside() {
  exec unshare --mount --propagation private --pid --fork --kill-child -- /bin/bash -c '
    root=$1
    mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev" || exit 99
    exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin CI="$3" \
      FUZZ_SECONDS="$4" /bin/bash -c "cd /weir && $2"' \
    bash "$root" "$1" "${CI:-}" "${FUZZ_SECONDS:-20}"
}
mib() { du -smx "$root" | cut -f1; }

tests/fresh/minimal_root.sh "$work/minimal" git || exit 1
cp -L /etc/resolv.conf "$work/minimal/etc/resolv.conf"
[ -z "${SETUP:-}" ] || $SETUP "$work/minimal"
git clone -q --no-hardlinks . "$work/minimal/weir"
# Root owns the clone on both sides, wherever this checkout came from.
chown -R 0:0 "$work/minimal/weir"

failed=0
prove_run() {
  inside './dev run' >"$work/run.log" 2>&1 &
  running=$!
  until grep -q 'End with Ctrl-C' "$work/run.log"; do
    kill -0 $running 2>/dev/null || { wait $running || true; tail -40 "$work/run.log"; return 1; }
    sleep 1
  done
  echo "serves after $((SECONDS - began)) s"
  local line answer
  while read -r line; do
    line=${line%%  #*}
    if answer=$(inside "$line" 2>&1 </dev/null | tr -d '\0' | head -c 100000) && [ -n "$answer$(grep -o -- '-so' <<<"$line")" ]
    then printf '  %-90s %s\n' "$line" "$(head -1 <<<"$answer" | cut -c1-40 | tr -d '\r')"
    else printf '  %-90s FAILED: %s\n' "$line" "$answer"; failed=1; fi
  done < <(grep -E '^  curl ' "$work/run.log")
  # Ctrl-C reaches the process that runs the demo, the one whose name is weir.
  local ours
  for ours in $(pgrep -x weir); do
    [ "$(readlink "/proc/$ours/root")" != "$root" ] || kill -INT "$ours"
  done
  wait $running && echo "ended by SIGINT with 0" || { echo "ended by SIGINT with $?, not 0"; return 1; }
  running=
}

[ $# -gt 0 ] || set -- run test
for habit in "$@"; do
  root=$work/$habit
  cp -a "$work/minimal" "$root"
  before=$(mib)
  began=$SECONDS
  echo "== ./dev $habit, the first command on $before MiB of minimal Debian 12"
  if [ "$habit" = run ]; then
    prove_run || failed=1
  elif (inside "./dev $habit") >"$work/$habit.log" 2>&1; then
    tail -8 "$work/$habit.log"
  else
    tail -60 "$work/$habit.log"
    echo "./dev $habit FAILED"
    failed=1
  fi
  echo "== ./dev $habit: $((SECONDS - began)) s, $(($(mib) - before)) MiB more"
  [ "${KEEP:-}" = 1 ] || rm -rf --one-file-system "$root"
done
exit $failed
