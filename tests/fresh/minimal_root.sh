#!/bin/bash
# minimal_root.sh ROOT [PACKAGE...]: makes the root of a minimal Debian 12 in the folder ROOT (debootstrap
# --variant=minbase, and the packages named), from the package source that this host itself uses, or from $MIRROR.
# Needs root and debootstrap. Exit code 1: no root could be made; the end of debootstrap's log says why.
set -euo pipefail

root=$1
shift
shopt -s nullglob  # a host has the one file or the others
sources=(/etc/apt/sources*.list /etc/apt/sources.list.d/*.{list,sources})
shopt -u nullglob
mirror=${MIRROR:-$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; ++i)
       if ($i ~ /^http/) { print $i; exit } }' "${sources[@]}" </dev/null 2>/dev/null || true)}
include=$(IFS=,; echo "$*")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
debootstrap --variant=minbase ${include:+--include="$include"} bookworm "$root" $mirror >"$log" 2>&1 ||
  { tail "$log"; exit 1; }
