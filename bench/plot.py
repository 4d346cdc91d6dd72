"""The picture: cold starts with their parts, and warm throughput beside the peers."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from bench.load import Call
from bench.report import quantile
from bench.warm import CONNECTIONS, Loads

PARTS = ("start-scale", "start-schedule", "start-shim", "start-import", "start-send", "handler")
COLOURS = ("#8172b3", "#4c72b0", "#dd8452", "#55a868", "#937860", "#c44e52")


def draw(calls: list[Call], loads: Loads, target: Path) -> None:
    """Write the PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    if calls:
        ordered = sorted(calls, key=lambda one: one.milliseconds)
        bottoms = [0.0] * len(ordered)
        for part, colour in zip(PARTS, COLOURS, strict=True):
            heights = [one.parts.get(part, 0.0) for one in ordered]
            left.bar(range(1, len(ordered) + 1), heights, bottom=bottoms, color=colour, label=part)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
        left.plot(range(1, len(ordered) + 1), [one.milliseconds for one in ordered], "k.", label="seen by the caller")
        left.set(title="Cold starts through the Deployment, fastest to slowest", xlabel="run", ylabel="ms")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(fontsize=8, loc="upper left")
        left.margins(y=0.35)
    names = sorted({name for name, _ in loads})
    width = 0.8 / max(1, len(names))
    for index, name in enumerate(names):
        heights = [quantile([load.requests_per_second for load in loads[name, at]], 0.5) for at in CONNECTIONS]
        places = [place + index * width for place in range(len(CONNECTIONS))]
        bars = right.bar(places, heights, width, label=name)
        right.bar_label(bars, [f"{height:,.0f}" for height in heights], fontsize=7, rotation=90, padding=3)
    right.set(title="Warm requests per second", xlabel="connections", ylabel="requests/s", yscale="log")
    right.set_xticks([place + 0.4 - width / 2 for place in range(len(CONNECTIONS))], [str(at) for at in CONNECTIONS])
    right.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    right.yaxis.set_minor_formatter(NullFormatter())
    right.margins(y=0.3)
    if names:
        right.legend(fontsize=8, loc="upper left")
    figure.savefig(target, dpi=130)
    plt.close(figure)
