"""The table of the figures of sizing_bench."""

from tables import number, table

KINDS = [("new", "new articles of 3.6 KB"), ("short", "of 1.2 KB"), ("long", "of 8 KB"),
         ("copies", "of 3.6 KB, half of them copies"), ("omit_text", "of 3.6 KB, with `omit_text`"),
         ("skip_related", "of 3.6 KB, with `skip_related`")]


def print_sizing(f):
    def gigabytes(name, figure):
        return number(f[f"sizing_{name}_{figure}_bytes"] / 1000, 2)

    rows = [[label, *(gigabytes(name, figure) for figure in
                      ["index", "memory", "memory_after_start", "disk", "disk_peak", "written"]),
             number(f[f"sizing_{name}_cpu_us"]),
             number(f[f"sizing_{name}_start_seconds"] * 1e6 / f["sizing_articles"], 1)]
            for name, label in KINDS if f"sizing_{name}_memory_bytes" in f]
    table(f"GB (10^9 bytes) a million articles, measured with {number(f['sizing_articles'])} of each kind; memory is "
          "above that of the empty server; disk with the forward index, which `du` does not see:",
          ["", "indexes", "memory", "after the next start", "disk", "at most, while ingesting", "written to disk",
           "CPU us an article", "start, s a million"], rows)
