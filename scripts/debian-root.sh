#!/bin/sh
# Makes a folder with a small, clean Debian in it. The first one of a suite comes from the mirror that apt uses
# here, later ones from a copy in build/roots. As root.
# Usage: debian-root.sh SUITE FOLDER
set -eu
suite=$1
folder=$2
cache=build/roots/$suite.tar
[ "$(id -u)" -eq 0 ] || { echo "debian-root: must be root" >&2; exit 1; }
if [ ! -f "$cache" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' \
    'Origin: Debian' 'Label: Debian' | head -n 1)
  mkdir -p build/roots
  rm -rf "build/roots/$suite"
  echo "debian-root: a clean $suite"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "build/roots/$suite" \
    "${mirror:-http://deb.debian.org/debian}" >"build/roots/$suite.log" 2>&1 || {
    tail -n 5 "build/roots/$suite.log" >&2
    exit 1
  }
  tar -C "build/roots/$suite" --numeric-owner -cf "$cache.part" .
  mv "$cache.part" "$cache"
  rm -rf "build/roots/$suite"
fi
rm -rf "$folder"
mkdir -p "$folder"
tar -C "$folder" --numeric-owner -xf "$cache"
