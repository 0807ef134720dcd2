"""Tables of the figures of overload_bench."""

from tables import number, table

METHODS = [("find_duplicates", "FindDuplicates"), ("ingest", "IngestArticle")]
HOARDERS = [("never_reading", "streams of 3 KB articles, answers never read"),
            ("slow_readers", "the same, ten answers a second read"),
            ("large_streams", "streams of large articles"),
            ("large_calls", "FindDuplicates of a large article, one call each"),
            ("large_answers", "BatchGetArticles of three large articles, four calls each"),
            ("stopped_clients", "the same, stopped with SIGSTOP in the middle")]


def print_overload(f):
    rows = []
    for name, label in METHODS:
        def figure(what, digits=0):
            return number(f[f"overload_{name}_{what}"], digits)
        rows.append([label, figure("peak_per_second"), figure("callers_goodput_share", 2),
                     figure("goodput_share", 2), figure("connections_goodput_share", 2),
                     figure("begun_times_peak", 1), figure("served_p99_ms"),
                     figure("refused_p50_ms", 1), figure("refused_p99_ms", 1)])
    table("Five times the load of the peak, deadline 1 s; server and client have half of the cores each. Goodput is "
          "what is served in time, as a share of the peak in the same round:",
          ["", "peak, calls/s: the better of 16 and 80 callers", "80 callers", "5x the rate, 8 connections",
           "5x the rate, 200 connections", "begun, times the peak", "served, p99 ms", "refused, p50 ms",
           "refused, p99 ms"], rows)
    rows = [[label, *(number(f[f"overload_memory_{name}_{what}_bytes"] / (1 << 20))
                      for what in ["start", "most", "after"]),
             number(f[f"overload_memory_{name}_calls"]), number(f[f"overload_memory_{name}_calls_served"]),
             number(f[f"overload_memory_{name}_calls_p99_ms"])]
            for name, label in HOARDERS if f"overload_memory_{name}_most_bytes" in f]
    if rows:
        table("Resident memory of a server that many clients at once want to fill, MiB; and 20 ordinary calls a second "
              "meanwhile, which do not try again:",
              ["each connection", "at the start", "at most", "clients killed, at rest", "ordinary calls",
               "served", "p99 ms"], rows)
