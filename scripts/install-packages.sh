#!/bin/sh
# Installs the Debian packages of the given lists that are missing.
# Usage: install-packages.sh LIST...
set -eu
missing=
for package in $(sed 's/#.*//' "$@"); do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-packages: run as root, or install sudo; missing:$missing" >&2
    exit 1
  }
  sudo=sudo
fi
echo "Installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A fresh machine has no package lists yet.
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
  >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  exit 1
}
