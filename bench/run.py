#!/usr/bin/env python3
"""Runs the benchmarks, writes their figures to build/bench/SCALE.json and prints tables.

A part that fails is reported, the others run all the same, and the exit code is 1.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

from limits import print_limits
from load_tables import print_load
from overload_tables import print_overload
from sizing_tables import print_sizing
from tables import number, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "release" / "bin"
OUT = ROOT / "build" / "bench"
DEFAULT_SEED = "20110504"  # tests/testing/articles.cc, load_bench.cc

ARGUMENTS = {
    "quick": {
        "micro_bench": ["--benchmark_min_time=0.1", "--benchmark_repetitions=3"],
        "vector_bench": ["--rows=20000", "--queries=500", "--rounds=3"],
        "echo_bench": ["--rounds=3", "--seconds=1", "--stream_messages=10000"],
        "load_bench": ["--scale=quick"],
        "overload_bench": ["--only=goodput", "--rounds=1", "--seconds=1"],
        "security_bench": ["--rounds=4", "--seconds=0.5"],
        "sizing_bench": ["--articles=2000"],
    },
    "full": {
        "micro_bench": ["--benchmark_min_time=0.5", "--benchmark_repetitions=5",
                        "--index_articles=1000000"],
        "vector_bench": ["--rows=200000", "--queries=500", "--rounds=5"],
        "echo_bench": ["--rounds=5", "--seconds=2", "--stream_messages=30000"],
        "load_bench": ["--scale=full"],
        "overload_bench": ["--rounds=3", "--seconds=5"],
        "security_bench": ["--rounds=7", "--seconds=2"],
        "sizing_bench": ["--articles=200000"],
    },
}

STEPS = {
    "Xxh3": ("xxh3", "One XXH3 pass over 6 KB, as a limit"),
    "TextToSketch": ("text_to_sketch", "6 KB from bytes to sorted shingles and sketch"),
    "TokeniseAscii": ("tokenise_ascii", "Tokenise 6 KB, plain ASCII"),
    "TokeniseTypographic": ("tokenise_typographic", "Tokenise 6 KB with typographic quotes"),
    "Shingle": ("shingle", "Shingle its tokens"),
    "SortShingles": ("sort_shingles", "Sort its shingles, each once"),
    "Sketch": ("sketch", "Bottom-k sketch of its shingles"),
    "Embed": ("embed", "Embed it (256 dimensions)"),
    "EmbedTerms": ("embed_terms", "Embed 1,000 words, most of them known to the model"),
    "HeavyTerms": ("heavy_terms", "Its 128 heaviest terms"),
    "RankRelated/32": ("rank_related_32", "Rank 32 related candidates, 128 terms, 256 dimensions"),
    "RankRelated/100": ("rank_related_100", "Rank 100 related candidates"),
    "RankRelated/200": ("rank_related_200", "Rank 200 related candidates"),
    "PrepareText": ("prepare_text", "Prepare a 6 KB article for finding copies: all but terms and vector"),
    "PrepareArticle": ("prepare", "Prepare a 6 KB article: all of the above, repair, hashes, terms"),
    "FingerprintSearch/10000/0": ("fingerprint_search_new_10k", "Search 10,000 sketches, new article"),
    "FingerprintSearch/10000/60": ("fingerprint_search_copy_10k",
                                   "Search 10,000 sketches, copy with J = 0.6"),
    "FingerprintSearchAndAdd/10000": ("fingerprint_search_and_add_10k",
                                      "Search 10,000 sketches and add one"),
    "FingerprintSearch/100000/0": ("fingerprint_search_new_100k",
                                   "Search 100,000 sketches, new article"),
    "FingerprintSearch/100000/60": ("fingerprint_search_copy_100k",
                                    "Search 100,000 sketches, copy with J = 0.6"),
    "FingerprintSearchAndAdd/100000": ("fingerprint_search_and_add_100k",
                                       "Search 100,000 sketches and add one"),
    "FingerprintSearch/1000000/0": ("fingerprint_search_new_1m",
                                    "Search 1,000,000 sketches, new article"),
    "FingerprintSearch/1000000/60": ("fingerprint_search_copy_1m",
                                     "Search 1,000,000 sketches, copy with J = 0.6"),
    "FingerprintSearchAndAdd/1000000": ("fingerprint_search_and_add_1m",
                                        "Search 1,000,000 sketches and add one"),
    "DecideUnrelated": ("decide_unrelated", "Decide on a pair, unrelated"),
    "DecideCopy": ("decide_copy", "Decide on a pair, copy"),
}


class PartFailed(Exception):
    """A benchmark that ended badly or printed something else than figures."""

    def __init__(self, message, figures=None):
        super().__init__(message)
        self.figures = figures or {}  # those measured before


def last_object(lines):
    """Of JSON objects, one a line, the last."""
    return json.loads(lines.strip().splitlines()[-1]) if lines.strip() else {}


def run(binary, arguments, parse=json.loads):
    print(f"{binary} {' '.join(arguments)}", file=sys.stderr, flush=True)
    begin = time.monotonic()
    OUT.mkdir(parents=True, exist_ok=True)
    # Data goes beside the build, not to a /tmp that may be memory, where nothing has to be durable.
    with tempfile.TemporaryDirectory(dir=OUT, prefix="data-", ignore_cleanup_errors=True) as data:
        try:
            done = subprocess.run([BIN / binary, *arguments], check=False, stdout=subprocess.PIPE,
                                  env={**os.environ, "TMPDIR": data})
        except OSError as error:
            raise PartFailed(f"{binary}: {error}") from error
    try:
        figures = parse(done.stdout.decode())
    except ValueError as error:
        if done.returncode == 0:
            raise PartFailed(f"{binary}: did not print figures: {error}") from error
        figures = {}
    if done.returncode != 0:
        raise PartFailed(f"{binary}: failed with exit code {done.returncode}", figures)
    print(f"{binary}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    return figures


def micro_figures(arguments):
    """Nanoseconds of each step, as figures."""
    report = run("micro_bench", [*arguments, "--benchmark_format=json",
                                 "--benchmark_report_aggregates_only=true"])
    figures = {}
    for entry in report["benchmarks"]:
        if entry["aggregate_name"] != "median":
            continue
        name = re.sub(r"^BM_|/iterations:\d+|/repeats:\d+|_median$", "", entry["name"])
        figures[f"micro_{STEPS[name][0]}_ns"] = entry["cpu_time"]
        if "bytes_per_sketch" in entry:
            figures["fingerprint_bytes_per_sketch"] = entry["bytes_per_sketch"]
    return figures


def datasketch_figures():
    """Of the Python peer; none when it is not there."""
    done = subprocess.run([sys.executable, ROOT / "bench" / "datasketch_peer.py"], check=True,
                          stdout=subprocess.PIPE)
    figures = json.loads(done.stdout)
    return {} if "skipped" in figures else figures


def add_sketch_ratios(figures, index_articles):
    figures["text_to_sketch_vs_xxh3"] = figures["micro_xxh3_ns"] / figures["micro_text_to_sketch_ns"]
    articles_per_second = 1e9 / figures["micro_text_to_sketch_ns"]
    for peer in ["datasketch", "datasketch_batch"]:
        if f"{peer}_articles_per_second" in figures:
            figures[f"text_to_sketch_vs_{peer}"] = (
                articles_per_second / figures[f"{peer}_articles_per_second"])
    figures["fingerprint_index_articles"] = index_articles
    # Of the largest index: the steps are in that order.
    largest = [figures[f"micro_{name}_ns"] for name, _ in STEPS.values()
               if name.startswith("fingerprint_search_and_add") and f"micro_{name}_ns" in figures][-1]
    figures["fingerprint_search_and_add_us"] = largest / 1000
    if "datasketch_lsh_query_and_insert_us" in figures:
        figures["fingerprint_search_and_add_vs_datasketch"] = (
            figures["datasketch_lsh_query_and_insert_us"] / figures["fingerprint_search_and_add_us"])


def add_vector_ratios(figures):
    for engine in ["hnswlib", "stock_faiss"]:
        for what, figure in [("search", "queries_per_second_at_95"), ("build", "adds_per_second"),
                             ("memory", "bytes_per_vector")]:
            figures[f"vector_{what}_vs_{engine}"] = (
                figures[f"vector_newsprint_{figure}"] / figures[f"vector_{engine}_{figure}"])
        figures[f"vector_search_vs_{engine}_at_99"] = (
            figures["vector_newsprint_queries_per_second_at_99"]
            / figures[f"vector_{engine}_queries_per_second_at_99"])


def print_machine(command):
    def output(*command):
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    model = platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = output("git", "rev-parse", "--short", "HEAD") or "unknown"
    if output("git", "status", "--porcelain", "--", "service", "client", "proto", "bench"):
        commit += " with local changes"
    versions = ", ".join(
        f"{package} {output('dpkg-query', '-W', '-f', '${Version}', package) or 'unknown'}"
        for package in ["libhnswlib-dev", "libfaiss-dev", "libgrpc++-dev"])
    seed = os.environ.get("NEWSPRINT_TEST_SEED", DEFAULT_SEED)
    print(f"{model}, {os.cpu_count()} CPUs; commit {commit}; `{command}`; "
          f"seed {seed}; {versions}.")


def print_vectors(f):
    names = [("newsprint", "Newsprint, int8"), ("hnswlib", "hnswlib, float, `-march=native`"),
             ("stock_faiss", "FAISS `IndexHNSWFlat`, Debian's build")]
    table(f"Vector index, {number(f['vector_rows'])} clustered vectors of 256 dimensions, M = 16, "
          "ef_construction = 64, one thread:",
          ["", "adds/s", "bytes a vector", "ef", "recall@10", "queries/s", "ef", "recall@10",
           "queries/s"],
          [[label, number(f[f"vector_{name}_adds_per_second"]),
            number(f[f"vector_{name}_bytes_per_vector"])]
           + [cell for point in ["at_95", "at_99"] for cell in
              [number(f[f"vector_{name}_ef_{point}"]), number(f[f"vector_{name}_recall_{point}"], 3),
               number(f[f"vector_{name}_queries_per_second_{point}"])]]
           for name, label in names])
    table("The same as ratios (search and build: more is better; memory: less is better):",
          ["Newsprint against", "search at .95", "search at .99", "build", "memory"],
          [[label] + [number(f[f"vector_{what}"], 2) for what in
                      [f"search_vs_{name}", f"search_vs_{name}_at_99", f"build_vs_{name}",
                       f"memory_vs_{name}"]] for name, label in names[1:]])


def print_echo(f):
    table("gRPC alone: an empty call with 4,096 bytes of request, 8 callers on 2 connections, client "
          "and server on the same CPUs; the stream has 256 messages on their way:",
          ["Server", "calls/s", "p50 us", "p99 us", "p50 us, one caller", "stream messages/s",
           "threads with 100 open streams"],
          [[label] + [number(f[f"echo_{name}_{figure}"]) for figure in
                      ["calls_per_second", "p50_us", "p99_us", "alone_p50_us",
                       "stream_messages_per_second", "threads_with_100_streams"]]
           for name, label in [("sync", "synchronous API"), ("callback", "callback API"),
                               ("callback_pool", "callback API, hop to the worker pool")]])


def print_security(f):
    table("FindDuplicates of articles of 3,600 bytes in 1,000, 8 callers on 2 connections; the token is one of 51 "
          "identities with limits:", ["", "calls/s", "p50 us", "share of plaintext"],
          [[label, number(f[f"security_{name}_calls_per_second"]), number(f[f"security_{name}_p50_us"]),
            number(f[f"security_{name}_vs_plaintext"], 2) if name != "plaintext" else ""]
           for name, label in [("plaintext", "plaintext, no access file"), ("tls", "TLS 1.3"),
                               ("tls_and_token", "TLS 1.3 and a token")]])


def print_steps(f):
    table("Steps, one thread, without network and disk:", ["Step", "us"],
          [[label, number(f[f"micro_{name}_ns"] / 1000, 1)] for name, label in STEPS.values()
           if f"micro_{name}_ns" in f])


def print_sketches(f):
    rows = [["text to sketch, one core", f"{number(1e9 / f['micro_text_to_sketch_ns'])} articles/s"],
            ["its throughput, of that of one XXH3 pass over the bytes",
             f"{number(100 * f['text_to_sketch_vs_xxh3'], 1)} %"],
            ["fingerprint index, search and add together",
             f"{number(f['fingerprint_search_and_add_us'], 1)} us"],
            ["its memory", f"{number(f['fingerprint_bytes_per_sketch'])} bytes an article"]]
    for name, label in [("datasketch", "`MinHash.update`"), ("datasketch_batch", "`update_batch`")]:
        if f"text_to_sketch_vs_{name}" in f:
            rows.append([f"text to sketch against datasketch's {label}",
                         f"{number(f[f'text_to_sketch_vs_{name}'])}x"])
    if "fingerprint_search_and_add_vs_datasketch" in f:
        rows.append([f"search and add against `MinHashLSH` of {number(f['datasketch_lsh_articles'])}",
                     f"{number(f['fingerprint_search_and_add_vs_datasketch'])}x"])
    else:
        rows.append(["datasketch", "skipped: NEWSPRINT_DATASKETCH names no folder with it"])
    table("Fingerprints, articles of 6 KB:", ["", "figure"], rows)


def sketch_figures(arguments):
    figures = micro_figures(arguments)
    figures.update(datasketch_figures())
    given = [argument for argument in arguments if argument.startswith("--index_articles=")]
    add_sketch_ratios(figures, int(given[0].split("=")[1]) if given else 100_000)
    return figures


def print_micro(f):
    print_steps(f)
    print_sketches(f)


def vector_figures(arguments):
    figures = run("vector_bench", arguments)
    add_vector_ratios(figures)
    return figures


def seeded_figures(binary, arguments):
    """Of a benchmark that prints what it has so far after each step."""
    seed = os.environ.get("NEWSPRINT_TEST_SEED", DEFAULT_SEED)
    return run(binary, [*arguments, f"--seed={seed}"], last_object)


# In the order in which they run and are printed: how to measure a part, and how to print its figures.
PARTS = {
    "vector": ("vector_bench", vector_figures, print_vectors),
    "load": ("load_bench", lambda arguments: seeded_figures("load_bench", arguments), print_load),
    "overload": ("overload_bench", lambda arguments: run("overload_bench", arguments), print_overload),
    "security": ("security_bench", lambda arguments: run("security_bench", arguments), print_security),
    "sizing": ("sizing_bench", lambda arguments: seeded_figures("sizing_bench", arguments), print_sizing),
    "echo": ("echo_bench", lambda arguments: run("echo_bench", arguments), print_echo),
    "micro": ("micro_bench", sketch_figures, print_micro),
}


def parse_command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", choices=ARGUMENTS)
    parser.add_argument("--only", metavar="PART,...", help="of " + ", ".join(PARTS))
    parser.add_argument("--articles", type=int, help="of the big collection of the load")
    options = parser.parse_args()
    options.parts = options.only.split(",") if options.only else list(PARTS)
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"--only: no part {part}, limit {', '.join(PARTS)}")
    return options


def measure(options, out):
    """Figures and failures, both by part. What there is, is written after each part."""
    figures, failures = {}, {}
    for part in options.parts:
        binary, figures_of, _ = PARTS[part]
        arguments = list(ARGUMENTS[options.scale][binary])
        if part == "load" and options.articles:
            arguments.append(f"--articles={options.articles}")
        try:
            figures[part] = figures_of(arguments)
        except PartFailed as error:
            figures[part] = error.figures
            failures[part] = str(error)
        except KeyError as error:
            failures[part] = f"no figure {error}"
        if part in failures:
            print(f"{part}: {failures[part]}", file=sys.stderr, flush=True)
        out.write_text(json.dumps(merged(figures), indent=1) + "\n")
    return figures, failures


def merged(figures):
    return {name: value for part in figures.values() for name, value in part.items()}


def main():
    options = parse_command()
    # Figures of one file are of one run.
    name = options.scale + (f".{'.'.join(options.parts)}" if options.only else "")
    OUT.mkdir(parents=True, exist_ok=True)
    out = OUT / f"{name}.json"
    figures, failures = measure(options, out)

    print_machine(" ".join(["python3 bench/run.py", *sys.argv[1:]]))
    for part, of_part in figures.items():
        if part in failures and part != "load":
            continue
        try:
            PARTS[part][2](of_part)
        except KeyError as error:
            failures.setdefault(part, f"no figure {error}")
    print_limits(merged(figures))
    for part, failure in failures.items():
        print(f"\n**{part}: not all was measured**: {failure}.")
    print(f"\nFigures: {out.relative_to(ROOT)}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
