#!/bin/sh
# collect.sh PROGRAM ROOT: lays out ROOT as an image's layer: the program, stripped, the shared
# libraries that a slim Debian 12 has not, the certificate authorities' list, and the default
# configuration's folder.
set -eu
program=$1
root=$2
mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/weir" "$root/etc/weir" "$root/etc/ssl/certs"
strip -o "$root/usr/local/bin/weir" "$program"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
ldd "$program" | awk '$3 ~ /^\// { print $3 }' | while read -r library; do
  case "$(basename "$library")" in
    # The C library and its loader are the base's, they must agree with each other.
    libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.* | ld-linux*) ;;
    *) cp -L "$library" "$root/usr/local/lib/weir/" ;;
  esac
done
