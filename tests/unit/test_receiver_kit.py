"""What is judged right and wrong of a receiver's answers."""

from dataclasses import replace

import pytest

from keyledger.cli.receiver_kit import Answered, Case, Series, judged
from keyledger.contract.signature import make_secret

CASE = Case("a case", "Do this.", b"", {"webhook-id": "e"})
REFUSED = replace(CASE, is_accepted=False)
AGAIN = replace(CASE, again_is_right=True)


@pytest.mark.parametrize(
    ("case", "status", "is_right"),
    [
        (CASE, 200, True), (CASE, 299, True), (CASE, 199, False), (CASE, 302, False), (CASE, 500, False),
        (REFUSED, 401, True), (REFUSED, 204, False), (REFUSED, 500, False), (REFUSED, 302, False),
        (AGAIN, 204, True), (AGAIN, 503, True), (AGAIN, 400, False), (AGAIN, 302, False),
    ],
)  # fmt: skip
def test_a_status_is_right_for_its_case(case: Case, status: int, is_right: bool) -> None:
    """With advice where it is not."""
    verdict = judged(case, Answered(status, "", 0.1))
    assert (is_right, not is_right) == (verdict.is_right, verdict.advice != "")


def test_a_redirect_and_silence_are_named() -> None:
    """Whatever the case."""
    assert "redirect 307" == judged(REFUSED, Answered(307, "", 0.1)).came
    silent = judged(REFUSED, Answered(None, "no answer in time", 15.0))
    assert (False, "no answer in time") == (silent.is_right, silent.came)


@pytest.mark.parametrize(
    ("over_s", "took_s", "is_right"), [(0.0, 4.9, True), (0.0, 5.1, False), (2.0, 6.9, True)]
)
def test_a_late_answer_is_wrong(over_s: float, took_s: float, is_right: bool) -> None:
    """The time that a slow sender takes is not the receiver's."""
    assert is_right == judged(replace(CASE, over_s=over_s), Answered(204, "", took_s)).is_right


def test_every_case_has_a_name_of_its_own() -> None:
    """So that a script can tell them apart; ids are those that it was given."""
    ids = iter(str(number) for number in range(100))
    cases = list(Series(make_secret(b"s" * 32), "p", 1_000_000, lambda: next(ids)).cases())
    assert len(cases) == len({case.name for case in cases}) == 14
    assert cases[0].headers["webhook-id"] == cases[1].headers["webhook-id"] == "0"
