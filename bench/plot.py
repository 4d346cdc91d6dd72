"""The picture: cold starts with their parts, by the pool and by the Deployment, and warm latency and throughput beside the peers."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from bench.load import Call
from bench.report import quantile
from bench.warm import CONNECTIONS, Loads

POOL_PARTS = {"start-become": "#8172b3", "start-import": "#55a868", "start-send": "#937860", "handler": "#c44e52"}
PARTS = {
    "start-scale": "#8172b3",
    "start-schedule": "#4c72b0",
    "start-shim": "#dd8452",
    "start-import": "#55a868",
    "start-send": "#937860",
    "handler": "#c44e52",
}
PERCENTILES = {50: "p50_ms", 75: "p75_ms", 90: "p90_ms", 99: "p99_ms"}
BUSY = max(CONNECTIONS)


def draw(pooled: list[Call], calls: list[Call], loads: Loads, target: Path) -> None:
    """Write the PNG."""
    figure, rows = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
    _draw_parts(rows[0][0], pooled, POOL_PARTS, "Cold starts by a pod of the pool, fastest to slowest")
    _draw_parts(rows[0][1], calls, PARTS, "Cold starts through the Deployment, fastest to slowest")
    _draw_latency(rows[1][0], loads)
    _draw_throughput(rows[1][1], loads)
    figure.savefig(target, dpi=130)
    plt.close(figure)


def _draw_parts(axes: Axes, calls: list[Call], parts: dict[str, str], title: str) -> None:
    axes.set(title=title, xlabel="run", ylabel="ms")
    if not calls:
        return
    ordered = sorted(calls, key=lambda one: one.milliseconds)
    runs = range(1, len(ordered) + 1)
    bottoms = [0.0] * len(ordered)
    for part, colour in parts.items():
        heights = [one.parts.get(part, 0.0) for one in ordered]
        axes.bar(runs, heights, bottom=bottoms, color=colour, label=part)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.plot(runs, [one.milliseconds for one in ordered], "k.", label="seen by the caller")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8, loc="upper left")
    axes.margins(y=0.35)


def _draw_latency(axes: Axes, loads: Loads) -> None:
    axes.set(title=f"Warm latency at {BUSY} connections", xlabel="percentile", ylabel="ms", yscale="log")
    for name in sorted({name for name, _ in loads}):
        heights = [quantile([getattr(load, figure) for load in loads[name, BUSY]], 0.5) for figure in PERCENTILES.values()]
        axes.plot(range(len(PERCENTILES)), heights, "o-", label=name)
    axes.set_xticks(range(len(PERCENTILES)), [f"p{percentile}" for percentile in PERCENTILES])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.3)
    if loads:
        axes.legend(fontsize=8, loc="upper left")


def _draw_throughput(axes: Axes, loads: Loads) -> None:
    names = sorted({name for name, _ in loads})
    width = 0.8 / max(1, len(names))
    for index, name in enumerate(names):
        heights = [quantile([load.requests_per_second for load in loads[name, at]], 0.5) for at in CONNECTIONS]
        places = [place + index * width for place in range(len(CONNECTIONS))]
        bars = axes.bar(places, heights, width, label=name)
        axes.bar_label(bars, [f"{height:,.0f}" for height in heights], fontsize=7, rotation=90, padding=3)
    axes.set(title="Warm requests per second", xlabel="connections", ylabel="requests/s", yscale="log")
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(CONNECTIONS))], [str(at) for at in CONNECTIONS])
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(y=0.3)
    if names:
        axes.legend(fontsize=8, loc="upper left")
