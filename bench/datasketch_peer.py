#!/usr/bin/env python3
"""Times the Python package datasketch as a peer of text to sketch and of the fingerprint index.

Usage: python3 bench/datasketch_peer.py [--datasketch=DIR] [--articles=N] [--index_articles=N]

DIR, or the environment's NEWSPRINT_DATASKETCH, is a folder with the package `datasketch`. The texts are
those of micro_bench. Prints a JSON object: articles a second of MinHash, 128 permutations of 5-word
shingles, one by one and in batches; microseconds of a query and an insert into MinHashLSH together. Without the package it says
that it was skipped, and why.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MICRO_BENCH = ROOT / "build" / "release" / "bin" / "micro_bench"
PERMUTATIONS = 128
SHINGLE_WORDS = 5
LSH_THRESHOLD = 0.5
# The index holds so many articles more than it was filled with when it has been measured.
LSH_QUERIES = 500
WORD = re.compile(r"[^\W_]+")


def texts(count):
    done = subprocess.run([MICRO_BENCH, f"--print_articles={count}"], check=True,
                          stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def shingles(text):
    words = WORD.findall(text.lower())
    return {" ".join(words[i:i + SHINGLE_WORDS]).encode()
            for i in range(max(1, len(words) - SHINGLE_WORDS + 1))}


def minhash(datasketch, text):
    """As its documentation has it."""
    sketch = datasketch.MinHash(num_perm=PERMUTATIONS)
    for shingle in shingles(text):
        sketch.update(shingle)
    return sketch


def minhash_batch(datasketch, text):
    """Its faster way, since version 1.5."""
    sketch = datasketch.MinHash(num_perm=PERMUTATIONS)
    sketch.update_batch(list(shingles(text)))
    return sketch


def articles_per_second(function, datasketch, articles):
    function(datasketch, articles[0])  # makes the permutations
    begin = time.process_time()
    for article in articles:
        function(datasketch, article)
    return len(articles) / (time.process_time() - begin)


def random_minhash(datasketch, numpy, generator, permutations):
    """The sketch of an article that is like no other: what is timed is the index alone."""
    values = generator.integers(0, 1 << 32, PERMUTATIONS, dtype=numpy.uint64)
    return datasketch.MinHash(hashvalues=values, permutations=permutations)


def measure_lsh(datasketch, count):
    import numpy  # datasketch needs it
    generator = numpy.random.default_rng(20110504)
    permutations = datasketch.MinHash(num_perm=PERMUTATIONS).permutations
    index = datasketch.MinHashLSH(threshold=LSH_THRESHOLD, num_perm=PERMUTATIONS)
    for i in range(count):
        index.insert(i, random_minhash(datasketch, numpy, generator, permutations))
    queries = [random_minhash(datasketch, numpy, generator, permutations)
               for _ in range(LSH_QUERIES)]
    begin = time.process_time()
    for i, query in enumerate(queries):
        index.query(query)
        index.insert(count + i, query)
    return (time.process_time() - begin) / LSH_QUERIES * 1e6


def measure(folder, articles, index_articles):
    """The figures, or why there are none."""
    if not folder:
        return {"skipped": "no folder given: --datasketch=DIR or NEWSPRINT_DATASKETCH"}
    sys.path.insert(0, str(folder))
    try:
        import datasketch
    except ImportError as error:
        return {"skipped": f"{folder}: {error}"}
    bodies = texts(articles)
    figures = {
        "datasketch_version": getattr(datasketch, "__version__", "unknown"),
        "datasketch_articles_per_second": articles_per_second(minhash, datasketch, bodies),
        "datasketch_lsh_articles": index_articles,
        "datasketch_lsh_query_and_insert_us": measure_lsh(datasketch, index_articles),
    }
    if hasattr(datasketch.MinHash, "update_batch"):
        figures["datasketch_batch_articles_per_second"] = articles_per_second(
            minhash_batch, datasketch, bodies)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasketch", default=os.environ.get("NEWSPRINT_DATASKETCH", ""))
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--index_articles", type=int, default=20_000)
    arguments = parser.parse_args()
    figures = measure(arguments.datasketch, arguments.articles, arguments.index_articles)
    if "skipped" in figures:
        print(f"datasketch: skipped: {figures['skipped']}", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
