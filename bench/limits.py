"""What the figures are held against."""

import collections

from tables import number, table

# `least`: the figure must be at least `limit`, else at most. Where `size_figure` is given, the limit is
# one for a run of `size`; the verdict on a smaller run names its size.
Limit = collections.namedtuple("Limit", "what figure least limit digits size_figure size")


def at_least(what, figure, limit, digits=2, size_figure=None, size=0):
    return Limit(what, figure, True, limit, digits, size_figure, size)


def at_most(what, figure, limit, digits=2, size_figure=None, size=0):
    return Limit(what, figure, False, limit, digits, size_figure, size)


MILLION = 1_000_000
INGESTED = {"size_figure": "stream_ingest_articles", "size": MILLION}
GROWN = {"size_figure": "load_articles", "size": MILLION}
VECTORS = {"size_figure": "vector_rows", "size": 200_000}

LIMITS = [
    at_least("text to sketch, 6 KB, one core: times datasketch", "text_to_sketch_vs_datasketch", 120, 0),
    at_least("the same: share of one XXH3 pass (stretch)", "text_to_sketch_vs_xxh3", 0.15),
    at_most("MinHash lookup and insert, us", "fingerprint_search_and_add_us", 15, 1,
            "fingerprint_index_articles", MILLION),
    at_most("MinHash index, bytes an article", "fingerprint_bytes_per_sketch", 1500, 0,
            "fingerprint_index_articles", MILLION),
    at_least("MinHash lookup and insert: times datasketch's MinHashLSH", "fingerprint_search_and_add_vs_datasketch",
             20, 0),
    at_least("vector search at recall@10 of .95: times hnswlib", "vector_search_vs_hnswlib", 1.3,
             **VECTORS),
    at_most("vector index, memory: times hnswlib", "vector_memory_vs_hnswlib", 0.4, **VECTORS),
    at_least("vector index, build: times hnswlib", "vector_build_vs_hnswlib", 1, **VECTORS),
    at_least("vector index, build: times stock FAISS", "vector_build_vs_stock_faiss", 4, **VECTORS),
    at_least("FindDuplicates: share of the echo's calls/s", "unary_find_duplicates_vs_echo", 0.6,
             **GROWN),
    at_most("FindDuplicates, p99: times the echo's", "unary_find_duplicates_p99_vs_echo", 3, **GROWN),
    at_least("StreamIngest, all new, articles/s", "stream_ingest_articles_per_second", 2500, 0,
             **INGESTED),
    at_least("the same, the last tenth", "stream_ingest_last_articles_per_second", 2500, 0, **INGESTED),
    at_least("StreamIngest, `skip_related`, articles/s",
             "stream_ingest_skip_related_articles_per_second", 8000, 0),
    at_most("FindRelated during ingestion, p50 ms", "find_related_under_ingest_p50_ms", 4, **INGESTED),
    at_most("FindRelated during ingestion, p99 ms", "find_related_under_ingest_p99_ms", 12, **INGESTED),
    # Paced at 500; the time ends with the last acknowledgment.
    at_least("articles/s ingested meanwhile (paced at 500)",
             "find_related_under_ingest_articles_per_second", 495, 0, **INGESTED),
    at_most("growth of FindDuplicates from a tenth, p50", "find_duplicates_growth", 1.6, **GROWN),
    at_most("growth of FindRelated from a tenth, p50", "find_related_growth", 1.6, **GROWN),
    at_most("resident bytes an article above the empty service", "bytes_per_article", 1800, 0,
            "load_canonicals", MILLION),
    at_least("goodput at 5x the load, FindDuplicates: share of the peak", "overload_find_duplicates_goodput_share", 0.8),
    at_least("the same, IngestArticle", "overload_ingest_goodput_share", 0.8),
    at_most("restart after a clean stop, s", "restart_clean_seconds", 10, 1, "restart_articles", MILLION),
    at_most("restart after SIGKILL, s", "restart_killed_seconds", 30, 1, "restart_articles", MILLION),
]


def verdict(limit, figures):
    """Whether the figures meet the limit, in words."""
    value = figures[limit.figure]
    met = "yes" if (value >= limit.limit if limit.least else value <= limit.limit) else "**no**"
    size = figures.get(limit.size_figure, 0)
    if limit.size_figure and size < limit.size:
        met += f", but at {number(size)} of {number(limit.size)}"
    return met


def print_limits(figures):
    rows = []
    for limit in LIMITS:
        asked = ("at least " if limit.least else "at most ") + number(limit.limit, limit.digits)
        if limit.figure in figures:
            seen = number(figures[limit.figure], limit.digits)
            rows.append([limit.what, asked, seen, verdict(limit, figures)])
        else:
            rows.append([limit.what, asked, "not measured", ""])
    table("What is asked for, and what this run has seen:", ["", "asked", "seen", "met"], rows)
