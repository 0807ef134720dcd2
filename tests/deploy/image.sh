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
  rm -rf "$work/base" "$work/data" "$work/config"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
clean_up
mkdir -p "$work/ccache" "$work/data" "$work/config"
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
  '"7420/tcp": {}' '"9464/tcp": {}' '"/usr/bin/newsprintd"'; do
  buildah inspect --type image newsprint:test | grep -qF "$expected" || {
    echo "image-test: the image's configuration lacks $expected" >&2
    exit 1
  }
done
chown 10001:10001 "$work/data"
root=$(buildah mount "$image")
echo "image-test: $(du -sm "$root" | cut -f1) MB"
# run_inside SCRIPT WORD...: in the image, with more words for systemd-nspawn
run_inside() {
  script=$1
  shift
  systemd-nspawn -q -D "$root" --read-only --as-pid2 --private-network --no-new-privileges=yes \
    --register=no --keep-unit --bind="$work/data:/var/lib/newsprint" "$@" \
    --bind-ro="$PWD/deploy/samples/articles.jsonl:/tmp/articles.jsonl" \
    --bind-ro="$PWD/tests/deploy/$script:/tmp/inside.sh" \
    setpriv --reuid=10001 --regid=10001 --clear-groups --bounding-set=-all --inh-caps=-all \
    sh -eux /tmp/inside.sh >"$work/run.log" 2>&1 || {
    tail -n 20 "$work/run.log" >&2
    exit 1
  }
}
run_inside image_inside.sh

echo 'image-test: run with TLS and tokens'
# A folder of the host, as docs/operations.md has it; for the image's group to read.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=newsprint \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$work/config/server.key" \
  -out "$work/config/server.crt" 2>/dev/null
token=$(openssl rand -hex 32)
printf '{"identities": [{"name": "operator", "token_sha256": ["%s"],
  "grants": [{"collections": ["*"], "role": "admin"}]}]}' \
  "$(printf %s "$token" | sha256sum | cut -d ' ' -f 1)" >"$work/config/access.json"
cat >"$work/config/newsprintd.flags" <<'END'
--data_dir=/var/lib/newsprint
--listen=0.0.0.0:7420
--tls_cert=/etc/newsprint/server.crt
--tls_key=/etc/newsprint/server.key
--access_file=/etc/newsprint/access.json
--metrics_listen=0.0.0.0:9464
END
chown -R 0:10001 "$work/config"
chmod -R g=rX,o= "$work/config"
run_inside image_secured.sh --bind-ro="$work/config:/etc/newsprint" --setenv=NEWSPRINT_TOKEN="$token"
buildah umount "$image" >/dev/null
echo 'image-test: passed'
