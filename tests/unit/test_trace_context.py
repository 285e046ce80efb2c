"""What counts as a trace context, by the rules of the W3C Recommendation."""

import pytest

from keyledger.contract.trace_context import parse_traceparent

IDS = b"4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"00-" + IDS + b"-01", b"00-" + IDS + b"-01"),
        (b" 00-" + IDS + b"-00 ", b"00-" + IDS + b"-00"),
        (b"cc-" + IDS + b"-01", b"00-" + IDS + b"-01"),
        (b"cc-" + IDS + b"-01-what-the-future-will-be-like", b"00-" + IDS + b"-01"),
    ],
)
def test_a_trace_context_is_read_as_version_00_writes_it(raw: bytes, expected: bytes) -> None:
    """Sections 3.2 and 4: of a newer version the part that is known."""
    assert expected.decode() == parse_traceparent(raw)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"00-" + IDS,
        b"00-" + IDS + b"-1",
        b"00-" + IDS + b"-01-more",
        b"00-" + IDS.upper() + b"-01",
        b"ff-" + IDS + b"-01",
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        b"cc-" + IDS + b"-01.more",
        b"00-" + IDS + b"-01, 00-" + IDS + b"-01",
        b"00-" + IDS + b"-01\xff",
    ],
)
def test_what_is_not_exactly_one_counts_as_none(raw: bytes | None) -> None:
    """Then a new trace begins."""
    assert parse_traceparent(raw) is None
