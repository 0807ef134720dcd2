#!/bin/sh
# Installs a package in a clean Debian and tries it there: by hand in a root without systemd, as in a container,
# and as a service under systemd. As root; takes a minute or two.
# Usage: deb.sh PACKAGE.deb [SUITE]
set -eu
cd "$(dirname "$0")/../.."
package=$1
suite=${2:-bookworm}
root=$PWD/build/roots/deb-test
by_hand=$PWD/build/roots/deb-test-by-hand.log
booted=$PWD/build/roots/deb-test-booted.log
trap 'rm -rf "$root"' EXIT
echo "deb-test: $package"
systemd-analyze security --offline=true --no-pager deploy/debian/newsprintd.service | tail -n 1
lintian --fail-on error,warning --allow-root "$package"
scripts/debian-root.sh "$suite" "$root"
cp "$package" "$root/newsprint.deb"
cp deploy/samples/articles.jsonl tests/deploy/deb_by_hand.sh tests/deploy/deb_booted.sh "$root/"

echo 'deb-test: without systemd'
systemd-nspawn -q -D "$root" --as-pid2 --register=no --keep-unit --resolv-conf=copy-host \
  --setenv=DEBIAN_FRONTEND=noninteractive sh -eux /deb_by_hand.sh >"$by_hand" 2>&1 || {
  tail -n 30 "$by_hand" >&2
  exit 1
}

echo 'deb-test: under systemd'
cat >"$root/etc/systemd/system/deb-test.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/deb-test.log
StandardError=inherit
ExecStart=sh -eux /deb_booted.sh
ExecStopPost=sh -c 'systemctl exit $EXIT_STATUS'
[Install]
WantedBy=default.target
END
ln -s ../deb-test.service "$root/etc/systemd/system/multi-user.target.wants/"
status=0
timeout 300 systemd-nspawn -q -D "$root" --boot --private-network --register=no --keep-unit \
  --machine=deb-test >"$booted.console" 2>&1 || status=$?
cp "$root/deb-test.log" "$booted"
if [ $status -ne 0 ] || [ "$(tail -n 1 "$booted")" != passed ]; then
  tail -n 30 "$booted.console" "$booted" >&2
  exit 1
fi
echo 'deb-test: passed'
