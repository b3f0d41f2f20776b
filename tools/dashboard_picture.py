"""Draw config/grafana-dashboard.json with real data, without Grafana.

Each panel's queries are sent to a Prometheus that scrapes a daemon. The picture has the panels where Grafana puts them:

    pip install --group pictures
    python -m tools.dashboard_picture http://127.0.0.1:9090 --minutes 15
"""

import argparse
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
PICTURE = ROOT / "docs" / "images" / "dashboard.png"
COLUMNS = 24  # of Grafana's grid
INCHES = (0.78, 0.34)  # of a column and of a row of the grid
COLORS = {"green": "#2f855a", "orange": "#c05621", "red": "#c53030"}
POINTS = 240  # of a line
LEGEND_ENTRIES = 7

Line: TypeAlias = tuple[str, list[datetime], list[float]]


def main() -> None:
    """Read the arguments, ask Prometheus, and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("prometheus", metavar="URL", help="a Prometheus that scrapes calscim")
    parser.add_argument("--minutes", type=float, default=15.0, help="how far back to look")
    parser.add_argument("--output", type=Path, default=PICTURE)
    arguments = parser.parse_args()
    mpl.use("Agg")
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    end = time.time()
    source = Source(arguments.prometheus, end - 60 * arguments.minutes, end)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw(panels, source).savefig(arguments.output, dpi=70)
    print(f"{arguments.output} was written")


class Source:
    """The answers of Prometheus for one stretch of time."""

    def __init__(self, url: str, start: float, end: float) -> None:
        self._url, self._start, self._end = url.rstrip("/"), start, end
        self._step = max(1.0, (end - start) / POINTS)

    def lines(self, target: Mapping[str, Any]) -> Iterator[Line]:
        """Yield the lines of one query, each with its legend."""
        expression = target["expr"].replace("$__rate_interval", f"{4 * self._step + 30:.0f}s")
        asked = {
            "query": re.sub(r"\$\w+", ".*", expression),
            "start": self._start,
            "end": self._end,
            "step": self._step,
        }
        address = f"{self._url}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 (the operator's own URL)
            found = json.load(answer)["data"]["result"]
        for series in found:
            moments = [datetime.fromtimestamp(at, UTC) for at, _ in series["values"]]
            values = [float(value) for _, value in series["values"]]
            yield legend(target["legendFormat"], series["metric"]), moments, values


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """Return the legend of a line as Grafana writes it."""
    return re.sub(r"\{\{ *(\w+) *\}\}", lambda match: labels.get(match[1], ""), pattern).strip()


def draw(panels: list[dict[str, Any]], source: Source) -> Figure:
    """Return the figure of all panels."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    size = (COLUMNS * INCHES[0], rows * INCHES[1])
    figure = plt.figure(figsize=size, facecolor="#f4f5f7")
    for panel in panels:
        place = panel["gridPos"]
        x, y = place["x"] / COLUMNS, 1 - (place["y"] + place["h"]) / rows
        width, height = place["w"] / COLUMNS, place["h"] / rows
        if panel["type"] == "row":
            figure.text(x + 0.006, y + height / 3, panel["title"], fontsize=13, weight="bold")
            continue
        lines = [line for target in panel["targets"] for line in source.lines(target)]
        box = (x + 0.028, y + 0.9 / rows, width - 0.042, height - 2.1 / rows)
        kind = _draw_stat if panel["type"] == "stat" else _draw_lines
        kind(figure.add_axes(box), panel, lines)
    return figure


def _draw_stat(axes: Axes, panel: Mapping[str, Any], lines: list[Line]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    last = max((line[2][-1] for line in lines), default=float("nan"))
    steps = defaults["thresholds"]["steps"]
    passed = [step for step in steps if step["value"] is None or last >= step["value"]]
    axes.set_facecolor(COLORS[passed[-1]["color"]])
    axes.set_xticks([])
    axes.set_yticks([])
    shown = unit(defaults["unit"])(last) if lines else "no data"
    name = lines[0][0] if lines else ""
    if panel["title"] == "Version":
        shown, name = name, ""
    axes.text(0.5, 0.56, shown, color="white", fontsize=15, ha="center", va="center")
    axes.text(0.5, 0.14, name, color="white", fontsize=8, ha="center", va="center")
    axes.set_title(panel["title"], fontsize=9, loc="left")


def _draw_lines(axes: Axes, panel: Mapping[str, Any], lines: list[Line]) -> None:
    show = unit(panel["fieldConfig"]["defaults"]["unit"])
    for name, moments, values in lines:
        axes.plot(moments, values, label=name or "value", linewidth=1.2)
    axes.set_title(panel["title"], fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, color="#dddddd", linewidth=0.5)
    highest = max((max(values) for _, _, values in lines), default=0.0)
    axes.set_ylim(bottom=0, top=1.3 * highest or 1)
    axes.yaxis.set_major_formatter(lambda value, _: show(value))
    if not lines:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "no data", color="#888888", ha="center", va="center", transform=axes.transAxes
        )
        return
    axes.xaxis.set_major_formatter(mpl.dates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    handles, names = axes.get_legend_handles_labels()
    first = [next(group) for _, group in groupby(zip(names, handles, strict=True), itemgetter(0))]
    first = first[:LEGEND_ENTRIES]
    axes.legend(
        [handle for _, handle in first],
        [name for name, _ in first],
        fontsize=6.5,
        loc="best",
        framealpha=0.6,
    )


def unit(name: str) -> Callable[[float], str]:
    """Return how Grafana's unit of that name is written."""
    return {
        "s": _seconds,
        "bytes": _bytes,
        "percentunit": lambda value: f"{100 * value:.0f}%",
        "reqps": lambda value: f"{value:g}/s",
        "d": lambda value: f"{value:.0f} d",
    }.get(name, lambda value: f"{value:g}")


def _seconds(value: float) -> str:
    if value != 0 and abs(value) < 1:
        return f"{1000 * value:.3g} ms"
    for size, letter in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(value) >= 2 * size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g} s"


def _bytes(value: float) -> str:
    return f"{value / 2**20:.0f} MB" if value >= 2**20 else f"{value / 1024:.0f} kB"


if __name__ == "__main__":
    main()
