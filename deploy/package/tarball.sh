#!/bin/bash
# tarball.sh BUILD_FOLDER: packs the program of the target weir_tarball with the shared libraries that it
# needs beside the C library, its manual pages, completions and units, and a file LIBRARIES that names what is
# in the program, what is beside it and what the host must have. Prints the tarball's name.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "$1")
program=$build/tarball/weir
name=weir-$("$program" --version | cut -d' ' -f2)-linux-$(uname -m)
root=$build/$name
rm -rf "$root" "$build/layer"

deploy/container/collect.sh "$program" "$build/layer"
mkdir -p "$root/licenses"
mv "$build/layer/usr/local/bin" "$root/bin"
mv "$build/layer/usr/local/lib/weir" "$root/lib"
rm -rf "$build/layer"
install -Dm 644 -t "$root/man/man1" "$build/made/weir.1.gz"
install -Dm 644 -t "$root/man/man5" "$build/made/weir.yaml.5.gz"
install -Dm 644 -t "$root/completion" "$build"/made/{weir.bash,_weir,weir.fish}
install -Dm 644 -t "$root" deploy/systemd/weir.{service,socket} deploy/package/weir.yaml config/reference.yaml

# PACKAGE VERSION of a file, and its licences into the tarball.
package_of() {
  local file package
  file=$(realpath "$1")
  package=$(dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "${file#/usr}")
  package=${package%%:*}
  cp "/usr/share/doc/$package/copyright" "$root/licenses/$package"
  dpkg-query -W -f='${Package} ${Version}\n' "$package" | head -1
}
rows() { # NAME FILE in, a line of a table out
  local library file
  while read -r library file; do
    printf '  %-28s %s\n' "$library" "$(package_of "$file")"
  done | sort
}
{
  echo "The libraries of bin/weir, with the Debian packages that they come from."
  echo
  echo "In the program (archives), beside Boost and CLI11, which are headers:"
  while read -r archive; do echo "$(basename "$archive") $archive"; done <"$build/tarball/archives" | rows
  echo
  echo "In lib/, found from bin/ by the run path:"
  ldd "$program" | awk '$3 ~ /^\// { print $1, $3 }' | while read -r library file; do
    [ ! -e "$root/lib/$(basename "$file")" ] || echo "$library $file"
  done | rows
  echo
  echo "From the host: the C library, glibc $(objdump -T "$root/bin/weir" "$root"/lib/* 2>/dev/null |
    grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -uV | tail -1) or newer, and for upstreams with TLS and"
  echo "for jwks_url the authorities in /etc/ssl/certs (Debian: ca-certificates)."
  echo
  echo "No archive of these: Debian has none of spdlog and fmt, and none of what libcurl"
  echo "needs (Kerberos). OpenSSL is the one of libcurl, and libstdc++ that of the shared libraries: a"
  echo "second copy of either in one process would be a danger. Security updates of what is in lib/ come"
  echo "with a new tarball; on Debian the package gets them from the system."
} >"$root/LIBRARIES"
tar -C "$build" --owner=0 --group=0 --sort=name -czf "$build/$name.tar.gz" "$name"
echo "$build/$name.tar.gz"
