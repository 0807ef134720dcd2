#!/usr/bin/env python3
"""Runs the benchmarks, writes their figures to build/bench/SCALE.json and prints tables.

Usage: python3 bench/run.py quick|full
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "release" / "bin"
DEFAULT_SEED = "20110504"  # tests/testing/articles.cc

ARGUMENTS = {
    "quick": {
        "micro_bench": ["--benchmark_min_time=0.1", "--benchmark_repetitions=3"],
        "vector_bench": ["--rows=20000", "--queries=500", "--rounds=5"],
        "echo_bench": ["--rounds=3", "--seconds=1", "--stream_messages=10000"],
        "load_bench": ["--scale=quick"],
    },
    "full": {
        "micro_bench": ["--benchmark_min_time=0.5", "--benchmark_repetitions=5",
                        "--index_articles=1000000"],
        "vector_bench": ["--rows=100000", "--queries=1000", "--rounds=7"],
        "echo_bench": ["--rounds=5", "--seconds=2", "--stream_messages=30000"],
        "load_bench": ["--scale=full"],
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


def run(binary, arguments):
    print(f"{binary} {' '.join(arguments)}", file=sys.stderr, flush=True)
    done = subprocess.run([BIN / binary, *arguments], check=False, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{binary}: failed with exit code {done.returncode}")
    return json.loads(done.stdout)


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


def add_sketch_ratios(figures):
    figures["text_to_sketch_vs_xxh3"] = figures["micro_xxh3_ns"] / figures["micro_text_to_sketch_ns"]
    articles_per_second = 1e9 / figures["micro_text_to_sketch_ns"]
    for peer in ["datasketch", "datasketch_batch"]:
        if f"{peer}_articles_per_second" in figures:
            figures[f"text_to_sketch_vs_{peer}"] = (
                articles_per_second / figures[f"{peer}_articles_per_second"])
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


def table(title, head, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join([" --- "] + [" ---: "] * (len(head) - 1)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def print_machine(scale):
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
    print(f"{model}, {os.cpu_count()} CPUs; commit {commit}; `python3 bench/run.py {scale}`; "
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


def print_service(f):
    big, small = number(f["load_articles"]), number(f["load_small_articles"])
    table(f"newsprintd over loopback, articles of {number(f['load_article_bytes'])} bytes, all new; the "
          "client on the same CPUs:",
          ["", "figure"],
          [[f"StreamIngest, {big} articles, durable", f"{number(f['stream_ingest_articles_per_second'])}"
            " articles/s"],
           [f"the last {number(f['load_last_chunk_articles'])} of them",
            f"{number(f['stream_ingest_last_chunk_articles_per_second'])} articles/s"],
           [f"StreamIngest with `skip_related`, {number(f['load_skip_related_articles'])} articles",
            f"{number(f['stream_ingest_skip_related_articles_per_second'])} articles/s"],
           ["Resident memory an article, caches included", f"{number(f['bytes_per_article'])} bytes"],
           ["of that, fingerprint index", f"{number(f['fingerprint_index_bytes_per_article'])} bytes"],
           ["of that, vector index", f"{number(f['vector_index_bytes_per_article'])} bytes"]])
    table(f"FindDuplicates (half new articles, half edited copies) on {big} articles, against an echo "
          f"that gets the same {number(f['unary_request_bytes'])} bytes, 8 callers:",
          ["", "calls/s", "p50 us", "p99 us"],
          [[label] + [number(f[f"unary_{name}_{figure}"]) for figure in
                      ["calls_per_second", "p50_us", "p99_us"]]
           for name, label in [("find_duplicates", "FindDuplicates"), ("echo", "echo")]]
          + [["ratio", number(f["unary_find_duplicates_vs_echo"], 2), "", ""]])
    table(f"Latency of one caller as a collection grows from {small} to {big} articles:",
          ["", f"p50 us at {small}", f"p50 us at {big}", f"p99 us at {big}", "growth of p50"],
          [[label, number(f[f"{name}_small_p50_us"]), number(f[f"{name}_big_p50_us"]),
            number(f[f"{name}_big_p99_us"]), number(f[f"{name}_growth"], 2)]
           for name, label in [("find_duplicates", "FindDuplicates"), ("find_related", "FindRelated")]])


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


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ARGUMENTS:
        sys.exit(__doc__.strip().splitlines()[-1])
    scale = sys.argv[1]
    arguments = ARGUMENTS[scale]
    figures = micro_figures(arguments["micro_bench"])
    figures.update(datasketch_figures())
    add_sketch_ratios(figures)
    for binary in ["vector_bench", "echo_bench", "load_bench"]:
        figures.update(run(binary, arguments[binary]))
    add_vector_ratios(figures)
    out = ROOT / "build" / "bench" / f"{scale}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=1) + "\n")

    print_machine(scale)
    print_vectors(figures)
    print_service(figures)
    print_echo(figures)
    print_sketches(figures)
    print_steps(figures)
    print(f"\nFigures: {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
