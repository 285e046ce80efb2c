"""Parts of the console that need no server: curves, form tokens, attempts by address, stored passwords."""

import re

import pytest

from keyledger.contract.password import check_password, is_password, password_digest
from keyledger.producer.console.access import ADDRESS_FAILURES_MAX, ADDRESS_WINDOW_S, Attempts, Session
from keyledger.producer.console.drawing import draw_curve


class Clock:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def paths(svg: str) -> list[str]:
    return re.findall(r' d="([^"]*)"', svg)


def test_a_curve_rises_with_its_values_and_says_the_newest() -> None:
    """In a box of 600 by 120, the greatest value near its top; words for who cannot see it."""
    svg = draw_curve("Commands a second", "/s", {"done": [0.0, 5.0, 10.0]})
    assert ["M0.0 120.0L300.0 62.0L600.0 4.0"] == paths(svg)
    assert "<desc>done: 10 /s</desc>" in svg
    assert "greatest 10 /s" in svg


def test_a_gap_is_a_gap_and_a_single_point_can_be_seen() -> None:
    """What was not seen is not drawn over."""
    (path,) = paths(draw_curve("x", "", {"a": [1.0, 1.0, None, 1.0, None]}))
    assert "M0.0 4.0L150.0 4.0M450.0 4.0h75.0" == path


@pytest.mark.parametrize("values", [[], [None, None]])
def test_a_curve_of_nothing_is_empty(values: list[float | None]) -> None:
    """At first nothing is known."""
    svg = draw_curve("x", "ms", {"a": values})
    assert [""] == paths(svg)
    assert "a: unknown" in svg


def test_names_in_a_curve_are_escaped() -> None:
    """They come from us today."""
    assert "<script>" not in draw_curve("<script>", "", {"<script>": [1.0]})


def test_a_form_token_belongs_to_one_session() -> None:
    """And the session's own token cannot be read from it, nor from its repr."""
    one, other = Session("grace", "token-1"), Session("grace", "token-2")
    assert one.is_form_token(one.form_token)
    assert not one.is_form_token(other.form_token)
    assert not one.is_form_token("")
    assert "token-1" not in repr(one) + one.form_token


def test_an_address_has_so_many_attempts_and_then_none_for_a_while() -> None:
    """Others are not held up by it."""
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(ADDRESS_FAILURES_MAX):
        assert attempts.is_allowed("a")
        attempts.note_failure("a")
    assert (False, True) == (attempts.is_allowed("a"), attempts.is_allowed("b"))
    clock.now_s += ADDRESS_WINDOW_S
    assert attempts.is_allowed("a")
    attempts.note_failure("a")
    assert attempts.is_allowed("a")


def test_a_password_is_known_by_its_digest_only() -> None:
    """With its own salt: the same password twice is stored differently."""
    one, two = (password_digest("correct horse", salt) for salt in (b"1" * 16, b"2" * 16))
    assert one != two
    assert is_password("correct horse", one)
    assert not is_password("correct horsf", one)
    assert "correct" not in one


def test_a_digest_of_other_costs_is_still_checked() -> None:
    """Costs may rise in later versions."""
    cheap = "scrypt$16$8$1$c2FsdA==$"
    assert not is_password("x", cheap + "AAAA")


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_a_password_must_have_a_length(password: str) -> None:
    """Long enough to be hard, short enough to be hashed."""
    with pytest.raises(ValueError, match="12 to 200"):
        check_password(password)
