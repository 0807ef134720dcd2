#!/usr/bin/python3
"""Draws the panels of deploy/grafana/newsprint.json from a Prometheus, as a picture for the
documentation. Debian: python3-matplotlib.

Usage: draw_dashboard.py http://HOST:PORT PICTURE.png [MINUTES [SECONDS_AGO]]
MINUTES (2) are shown, up to SECONDS_AGO (0)."""
import json
import math
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402
from PIL import Image  # noqa: E402

DASHBOARD = pathlib.Path(__file__).resolve().parents[1] / "deploy" / "grafana" / "newsprint.json"
WIDTH_PIXELS = 1200
UNIT_PIXELS = 24  # of the grid, upwards
LEGEND_MAX = 12
SCALED = {"bytes": (1024, ["B", "KiB", "MiB", "GiB", "TiB"]), "Bps": (1024, ["B/s", "KiB/s", "MiB/s"]),
          "short": (1000, ["", "k", "M", "G"])}
SUFFIX = {"reqps": " req/s", "ops": " /s", "cps": " /s", "none": ""}


def shown(value, unit):
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "s":
        if value >= 2 * 86400:
            return f"{value / 86400:.0f} days"
        if value >= 120:
            return f"{value / 60:.0f} min"
        return f"{value:.3g} s" if value >= 1 or value == 0 else f"{value * 1e3:.3g} ms"
    if unit in SCALED:
        base, names = SCALED[unit]
        place = min(int(math.log(max(value, 1), base)), len(names) - 1)
        return f"{value / base ** place:.3g} {names[place]}".strip()
    return f"{value:.3g}{SUFFIX.get(unit, '')}"


def ask(address, path, **parameters):
    url = f"{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.loads(response.read())["data"]["result"]


def expression(target):
    return (target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")
            .replace("$collection", ".*"))


def legend(target, metric):
    return re.sub(r"\{\{(\w+)\}\}", lambda match: metric.get(match.group(1), ""),
                  target["legendFormat"])


def draw_series(axes, panel, address, begin, end):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    series = []
    for target in panel["targets"]:
        for result in ask(address, "query_range", query=expression(target), start=begin, end=end,
                          step=max((end - begin) / 200, 1)):
            points = [(float(t) - end, float(v)) for t, v in result["values"] if v != "NaN"]
            if points:
                series.append((legend(target, result["metric"]), points))
    series.sort(key=lambda one: -one[1][-1][1])
    if stacked and series:
        times = sorted({t for _, points in series for t, _ in points})
        axes.stackplot(times, [[dict(points).get(t, 0) for t in times] for _, points in series],
                       labels=[name for name, _ in series], colors=plt.get_cmap("tab20").colors)
    else:
        for name, points in series:
            axes.plot(*zip(*points), label=name, linewidth=1)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} s"))
    axes.tick_params(labelsize=5, length=2)
    axes.grid(alpha=0.3, linewidth=0.4)
    if series:
        handles, names = axes.get_legend_handles_labels()
        axes.legend(handles[:LEGEND_MAX], names[:LEGEND_MAX], fontsize=4.5, loc="upper left",
                    framealpha=0.6, ncol=2 if len(names) > 4 else 1)


def draw_number(axes, panel, address):
    axes.axis("off")
    defaults = panel["fieldConfig"]["defaults"]
    target = panel["targets"][0]
    results = ask(address, "query", query=expression(target))
    text = "-"
    if results and panel["options"]["textMode"] == "name":
        text = legend(target, results[0]["metric"])
    elif results:
        value = float(results[0]["value"][1])
        words = {key: option["text"] for mapping in defaults["mappings"]
                 for key, option in mapping["options"].items()}
        text = words.get(f"{value:g}", shown(value, defaults["unit"]))
    axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=14, color="#2a7f3f")


def main():
    address, picture = sys.argv[1], sys.argv[2]
    minutes = float(sys.argv[3]) if len(sys.argv) > 3 else 2
    end = time.time() - (float(sys.argv[4]) if len(sys.argv) > 4 else 0)
    panels = json.loads(DASHBOARD.read_text())["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height = rows * UNIT_PIXELS
    figure = plt.figure(figsize=(WIDTH_PIXELS / 100, height / 100), dpi=100, facecolor="white")
    for panel in panels:
        box = panel["gridPos"]
        top = 1 - box["y"] / rows
        if panel["type"] == "row":
            figure.text(0.01, top - 0.7 / rows, panel["title"], fontsize=8, weight="bold")
            continue
        axes = figure.add_axes([box["x"] / 24 + 0.035, top - (box["h"] - 0.9) / rows,
                                box["w"] / 24 - 0.045, (box["h"] - 2.2) / rows])
        axes.set_title(panel["title"], fontsize=7, loc="left", pad=2)
        if panel["type"] == "stat":
            draw_number(axes, panel, address)
        else:
            draw_series(axes, panel, address, end - minutes * 60, end)
    figure.savefig(picture)
    # A quarter of the bytes.
    Image.open(picture).convert("RGB").quantize(128).save(picture, optimize=True)


if __name__ == "__main__":
    main()
