#!/bin/sh
# Builds the release and runs all its tests on Debian 13, in a clean root in build/debian13. As root. It may be
# stopped: what is built stays for the next time.
# Usage: debian13.sh [MAKE_TARGET...]   (test-release)
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/debian13
[ $# -gt 0 ] || set -- test-release
in_root() {
  systemd-nspawn -q -D "$root" --as-pid2 --register=no --keep-unit --chdir=/source \
    --setenv=CCACHE_DIR=/ccache "$@"
}
if [ ! -f "$root/ready" ]; then
  scripts/debian-root.sh trixie "$root"
  mkdir -p "$root/source"
fi
# Files keep their times, so that only what has changed is built anew.
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$root/source"
if [ ! -f "$root/ready" ]; then
  in_root --resolv-conf=copy-host sh -euc 'apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends make git >/dev/null
    scripts/install-packages.sh scripts/packages-build.txt scripts/packages-test.txt \
      scripts/packages-deb.txt'
  touch "$root/ready"
fi
in_root --private-network make "$@"
