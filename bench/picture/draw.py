"""Lines as JSON on the standard input, an SVG on the standard output. Readable on light and dark pages:
nothing behind it, and every colour keeps its distance from black and from white."""

import io
import json
import re
import sys
from typing import Any, Final

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot

INK: Final = "#7d8590"
COLOURS: Final = ("#2f81f7", "#e5534b", "#c69026", "#57ab5a", "#b083f0", "#39a0a8", "#cc6b9c")
IN_FLIGHT: Final = (1, 8, 64, 256)
SIZE_INCHES: Final = (9.0, 4.2)


def main() -> None:
    """Two panels beside each other, on logarithmic axes, and one legend below."""
    lines: list[dict[str, Any]] = json.load(sys.stdin)
    pyplot.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 10}
    )
    pyplot.rcParams.update(
        dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK)
    )
    figure, (rate, latency) = pyplot.subplots(1, 2, figsize=SIZE_INCHES)
    for line, colour in zip(lines, COLOURS, strict=False):
        style = {
            "color": colour,
            "marker": "o",
            "markersize": 4,
            "linewidth": 2.4 if line is lines[0] else 1.3,
        }
        in_flight = [point["in_flight"] for point in line["points"]]
        rate.plot(in_flight, [p["rate_per_s"] for p in line["points"]], label=line["title"], **style)
        latency.plot(in_flight, [p["p50_ms"] for p in line["points"]], **style)
        latency.plot(in_flight, [p["p99_ms"] for p in line["points"]], **style, linestyle=":")
    for axes, title in ((rate, "commands a second"), (latency, "latency in ms: p50, p99 dotted")):
        axes.set(xscale="log", yscale="log", xlabel="requests in flight", title=title)
        axes.title.set_size(10)
        axes.set_xticks(IN_FLIGHT, [str(count) for count in IN_FLIGHT])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter("{x:,.5g}")
        axes.grid(visible=True, color=INK, alpha=0.25, linewidth=0.6)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    figure.legend(loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.14 if len(lines) > 4 else 0.08, 1, 1))
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    sys.stdout.write(re.sub(r"[ \t]+\n", "\n", drawn.getvalue()))


if __name__ == "__main__":
    main()
