"""Times and durations as operators read them: UTC to the millisecond, durations in one unit."""

from datetime import UTC, datetime


def time_text(at_ms: int | None) -> str:
    """Milliseconds as a time of day in UTC; empty for none."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] if at_ms else ""


def age_text(age_ms: int) -> str:
    """A duration as people say it."""
    if age_ms < 1_000:
        return f"{age_ms} ms"
    seconds = age_ms / 1_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
