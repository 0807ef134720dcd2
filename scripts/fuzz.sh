#!/bin/sh
# Runs fuzz targets, one after the other, and prints what each has done as a table. What they find stays
# in the corpus of the folder, so that a later run goes on from there. Exits with 1 when an input broke a
# promise; its file is named, and belongs into tests/fuzz/corpus/TARGET once it is mended.
# Usage: fuzz.sh BUILD_FOLDER SECONDS [TARGET...]
set -eu
build=$1
seconds=$2
shift 2
root=$(dirname "$0")/../tests/fuzz
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$root/../lsan.supp:print_suppressions=0"
[ $# -gt 0 ] || set -- $(ls "$root/corpus")
mkdir -p "$build/corpus" "$build/findings" "$build/logs"
findings=0
table=
for target in "$@"; do
  [ -x "$build/bin/${target}_fuzzer" ] || { echo "fuzz: no such target, got $target" >&2; exit 2; }
  mkdir -p "$build/corpus/$target"
  dictionary=
  [ ! -f "$root/$target.dict" ] || dictionary="-dict=$root/$target.dict"
  # Sequences: long ones at once.
  lengths=-max_len=65536
  [ "$target" != stories ] || lengths="-max_len=400 -len_control=0"
  log=$build/logs/$target
  echo "$target: $seconds seconds"
  # Without -entropic=0 most of the time goes into choosing inputs for the targets with an engine.
  status="no finding"
  "$build/bin/${target}_fuzzer" $dictionary -max_total_time="$seconds" -timeout=30 \
    -rss_limit_mb=3000 $lengths -entropic=0 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$root/corpus/$target" \
    >"$log" 2>&1 || {
    status=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    status=${status:-see $log}
    findings=$((findings + 1))
    grep -E 'broken promise|ERROR:|runtime error' "$log" >&2 || tail -n 20 "$log" >&2
  }
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  inputs=$(ls "$build/corpus/$target" | wc -l)
  table="$table$(printf '%-12s %12s %8s %8s  %s' "$target" "${executions:--}" "${edges:--}" \
    "$inputs" "$status")
"
done
printf '\n%-12s %12s %8s %8s  %s\n%s' target executions edges inputs finding "$table"
[ "$findings" -eq 0 ]
