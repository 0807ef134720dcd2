#!/bin/sh
# Builds the image of deploy/docker/Dockerfile without Docker and without a registry, on a clean Debian in place of
# debian:bookworm-slim, and runs it as it is meant to be run: its own user, a read-only root, no capabilities.
# As root; takes minutes, and room in build/image, where layers and what the compiler made are kept for the next time.
# Usage: image.sh
set -eu
cd "$(dirname "$0")/../.."
work=$PWD/build/image
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
clean_up() {
  buildah rm --all >/dev/null 2>&1 || true
  rm -rf "$work/base" "$work/data"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
clean_up
mkdir -p "$work/ccache" "$work/data"
printf 'base_dir = /source\nhash_dir = false\n' >"$work/ccache/ccache.conf"

if ! buildah inspect --type image debian:bookworm-slim >/dev/null 2>&1; then
  scripts/debian-root.sh bookworm "$work/base"
  base=$(buildah from scratch)
  buildah add -q "$base" "$work/base" / >/dev/null
  buildah commit -q "$base" debian:bookworm-slim >/dev/null
fi

echo 'image-test: build'
buildah bud --pull-never --layers --format=oci -v "$work/ccache:/root/.cache/ccache" \
  -f deploy/docker/Dockerfile -t newsprint:test . >"$work/build.log" 2>&1 || {
  tail -n 20 "$work/build.log" >&2
  exit 1
}

echo 'image-test: run'
image=$(buildah from --pull-never newsprint:test)
for expected in '"User": "10001:10001"' '"StopSignal": "SIGTERM"' '"/var/lib/newsprint": {}' \
  '"/usr/bin/newsprintd"'; do
  buildah inspect --type image newsprint:test | grep -qF "$expected" || {
    echo "image-test: the image's configuration lacks $expected" >&2
    exit 1
  }
done
chown 10001:10001 "$work/data"
root=$(buildah mount "$image")
echo "image-test: $(du -sm "$root" | cut -f1) MB"
systemd-nspawn -q -D "$root" --read-only --as-pid2 --private-network --no-new-privileges=yes \
  --register=no --keep-unit --bind="$work/data:/var/lib/newsprint" \
  --bind-ro="$PWD/deploy/samples/articles.jsonl:/tmp/articles.jsonl" \
  --bind-ro="$PWD/tests/deploy/image_inside.sh:/tmp/inside.sh" \
  setpriv --reuid=10001 --regid=10001 --clear-groups --bounding-set=-all --inh-caps=-all \
  sh -eux /tmp/inside.sh >"$work/run.log" 2>&1 || {
  tail -n 20 "$work/run.log" >&2
  exit 1
}
buildah umount "$image" >/dev/null
echo 'image-test: passed'
