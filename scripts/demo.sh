#!/bin/sh
# Shows the main job: starts a server on a temporary data folder, imports the samples, prints verdicts,
# groups and related stories, compares two articles, and stops.
# Usage: demo.sh FOLDER_WITH_BINARIES
set -eu
bin=$1
data=$(mktemp -d)
"$bin/newsprintd" --listen=127.0.0.1:0 --data_dir="$data/data" >"$data/address" 2>"$data/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 100); do
  grep -q 'event=serving' "$data/log" && break
  kill -0 $server 2>/dev/null || { cat "$data/log" >&2; exit 1; }
  sleep 0.1
done
target=$(sed -n 's/^listening on //p' "$data/address")
newsprint() {
  printf '\n$ newsprint %s\n' "$*"
  "$bin/newsprint" --target="$target" "$@"
}
samples=deploy/samples/articles.jsonl
newsprint import $samples
newsprint groups
newsprint related wire-illinois-exit --limit=5
newsprint compare metro-brief-illinois-exit wire-illinois-exit
newsprint compare marrow-q1 kestrel-q1
newsprint find ledger-illinois-exit
newsprint stats
kill -TERM $server
wait $server
printf '\nThe server has stopped. To keep one: %s/newsprintd --data_dir=DIR\n' "$bin"
