"""Curves as SVG, drawn here: no script, readable in light and dark, with words for who cannot see them."""

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 600
HEIGHT: Final = 120

Series = Sequence[float | None]
"""Values at even distances, oldest first; None is a gap."""


def draw_curve(title: str, unit: str, lines: dict[str, Series]) -> str:
    """One picture with a line for each name; its text says the newest and the greatest values."""
    known = [value for values in lines.values() for value in values if value is not None]
    top = max(known, default=0.0) or 1.0
    drawn = "".join(
        f'<path class="line line-{number}" d="{_path(values, top)}"><title>{escape(name)}</title></path>'
        for number, (name, values) in enumerate(lines.items())
    )
    words = "; ".join(f"{name}: {_newest(values, unit)}" for name, values in lines.items())
    legend = "".join(
        f'<span class="key key-{number}">{escape(name)} <b>{escape(_newest(values, unit))}</b></span>'
        for number, (name, values) in enumerate(lines.items())
    )
    return (
        f'<figure class="curve"><figcaption>{escape(title)}<span class="keys">{legend}</span></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(words)}</desc>"
        f'<line class="floor" x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>{drawn}</svg>'
        f'<div class="scale"><span>15 minutes ago</span><span>greatest {_text(top, unit)}</span>'
        f"<span>now</span></div></figure>"
    )


def _path(values: Series, top: float) -> str:
    """Moves where a gap ends, lines elsewhere; a single point is a short line."""
    step = WIDTH / max(1, len(values) - 1)
    parts, is_drawing = [], False
    for place, value in enumerate(values):
        if value is None:
            is_drawing = False
            continue
        x, y = place * step, HEIGHT - value / top * (HEIGHT - 4)
        parts.append(f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}")
        if not is_drawing and (place + 1 == len(values) or values[place + 1] is None):
            parts.append(f"h{step / 2:.1f}")
        is_drawing = True
    return "".join(parts)


def _newest(values: Series, unit: str) -> str:
    value = values[-1] if values else None
    return "unknown" if value is None else _text(value, unit)


def _text(value: float, unit: str) -> str:
    is_whole = value >= 10 or value == int(value)
    return f"{value:.{0 if is_whole else 1}f} {unit}".strip()
