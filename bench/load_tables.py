"""Tables of the figures of load_bench."""

from tables import number, table


def print_load(figures):
    """Prints the tables whose figures are there; raises the KeyError of the first that is not."""
    missing = None
    for part in [_print_ingestion, _print_against_echo, _print_find_related, _print_growth,
                 _print_memory, _print_restart]:
        try:
            part(figures)
        except KeyError as error:
            missing = missing or error
    if missing:
        raise missing


def _print_ingestion(f):
    def row(label, name):
        return [label, number(f[f"{name}_articles"]), number(f[f"{name}_articles_per_second"]),
                number(f[f"{name}_server_cpu_us"]), number(f[f"{name}_client_cpu_us"])]

    rows = [row("all new", "stream_ingest"),
            ["of these, the last", number(f["stream_ingest_last_articles"]),
             number(f["stream_ingest_last_articles_per_second"]),
             number(f["stream_ingest_last_server_cpu_us"]), ""],
            row("all new, `skip_related`", "stream_ingest_skip_related"),
            row(f"{number(100 * f['load_copies_share'])} % copies", "stream_ingest_with_copies")]
    table(f"StreamIngest into newsprintd over loopback, durable, made-up articles of "
          f"{number(f['load_article_bytes_mean'])} bytes on average; the client on the same CPUs:",
          ["", "articles", "articles/s", "server's CPU us an article", "client's"], rows)
    print(f"\nVerdicts: of the new articles {f['load_related_share']:.3f} are related to an earlier one and "
          f"{f['load_new_taken_for_copies_share']:.4f} taken for copies; of the copies "
          f"{f['load_copies_recognised_share']:.4f} are found with the right canonical.")


def _print_against_echo(f):
    rows = [[label] + [number(f[f"unary_{name}_{figure}"])
                       for figure in ["calls_per_second", "p50_us", "p99_us"]]
            for name, label in [("find_duplicates", "FindDuplicates"), ("echo", "echo")]]
    rows.append(["ratio", number(f["unary_find_duplicates_vs_echo"], 2),
                 number(f["unary_find_duplicates_p50_us"] / f["unary_echo_p50_us"], 2),
                 number(f["unary_find_duplicates_p99_vs_echo"], 2)])
    table(f"FindDuplicates (half new articles, half edited copies) on {number(f['load_articles'])} articles, "
          f"against an echo that gets the same requests of {number(f['unary_request_bytes_mean'])} bytes, "
          "8 callers:", ["", "calls/s", "p50 us", "p99 us"], rows)


def _print_find_related(f):
    meanwhile = number(f["find_related_under_ingest_articles_per_second"])
    rows = [[label, number(f[f"find_related_{name}_p50_ms"], 2),
             number(f[f"find_related_{name}_p99_ms"], 2)]
            for name, label in [("after_ingest", "right after ingestion at full speed"),
                                ("under_ingest", f"while {meanwhile} articles/s are ingested")]]
    table(f"FindRelated on {number(f['load_articles'])} articles, one caller:", ["", "p50 ms", "p99 ms"],
          rows)


def _print_growth(f):
    small, big = number(f["load_small_articles"]), number(f["load_big_articles"])
    rows = [[label, number(f[f"{name}_small_p50_us"]), number(f[f"{name}_big_p50_us"]),
             number(f[f"{name}_big_p99_us"]), number(f[f"{name}_growth"], 2)]
            for name, label in [("find_duplicates", "FindDuplicates"), ("find_related", "FindRelated")]]
    table(f"Latency of one caller, all at rest, as a collection grows from {small} to {big} articles:",
          ["", f"p50 us at {small}", f"p50 us at {big}", f"p99 us at {big}", "growth of p50"], rows)
    print(f"\nThe best result of FindRelated is of the query's story in "
          f"{f['find_related_same_story_share']:.3f} of the searches.")


def _print_memory(f):
    table(f"Memory and disk with {number(f['load_canonicals'])} canonicals, bytes an article:",
          ["", "bytes"],
          [["resident above the empty service, caches included", number(f["bytes_per_article"])],
           ["of that, fingerprint index", number(f["fingerprint_index_bytes_per_article"])],
           ["of that, vector index", number(f["vector_index_bytes_per_article"])],
           ["on disk", number(f["disk_bytes_per_article"])]])


def _print_restart(f):
    table(f"Restart with {number(f['restart_articles'])} articles, until the health service says that it "
          "serves; afterwards all acknowledged articles are counted, and a sample searched for:",
          ["", "seconds"],
          [["after SIGTERM", number(f["restart_clean_seconds"], 2)],
           ["after SIGKILL, right after the last acknowledgment",
            number(f["restart_killed_seconds"], 2)]])
