"""The pure parts of the benchmark: bounds, ratios, verdicts, what is kept, and the Markdown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cells import OURS, Cell, Record, Turn
from bench.machine import Machine
from bench.matrix import chosen
from bench.pages import between_markers
from bench.ratios import highest, lower_bound, ratio, series
from bench.report import cells_table, head, targets_table
from bench.results import Results
from bench.running import measure_all
from bench.verdicts import Verdict, verdicts

MACHINE = Machine("A processor", 2, 24, 0.15, 0.4, {"Python": "3.11"})


def record(
    load: str, repeat: int, rate: float, *, group: str = "hot", contestant: str = OURS, invalid: str = ""
) -> Record:
    return Record(Cell(group, contestant, load, repeat), {"rate_per_s": rate}, invalid)


def test_a_bound_needs_enough_values_to_be_sure() -> None:
    """Of four values all lie above the median too often."""
    assert lower_bound([1.0, 1.1, 1.2, 1.3]) is None
    assert (1.0, 1 - 1 / 32) == lower_bound([1.3, 1.1, 1.2, 1.0, 1.4])


def test_the_bound_of_eight_pairs_is_the_second_smallest() -> None:
    """One pair that the machine has spoilt does not decide."""
    assert (0.95, 1 - 9 / 256) == lower_bound([0.5, 0.95, 0.96, 0.97, 0.98, 0.99, 1.0, 1.01])


def test_a_ratio_is_made_within_a_repeat() -> None:
    """A repeat that lacks one of the two has none."""
    assert {2: 3.0} == ratio({1: 10.0, 2: 6.0}, {2: 2.0, 3: 1.0})
    assert {1: 5.0, 2: 7.0} == highest([{1: 5.0, 2: 1.0}, {2: 7.0}])


def test_what_is_invalid_is_in_no_figure() -> None:
    """However fast it was."""
    records = [record("hot 64", 1, 100), record("hot 64", 2, 900, invalid="wrong")]
    assert {1: 100.0} == series(records, "hot", OURS, "hot 64", "rate_per_s")


@pytest.mark.parametrize(("slow", "is_met"), [(95.0, True), (80.0, False)])
def test_the_hot_user_is_judged_by_the_lower_bound(slow: float, is_met: bool) -> None:
    """The median would be above the target both times."""
    rates = [slow, slow, 99, 99, 99, 99, 99, 99]
    records = [record("hot 64", n, rate) for n, rate in enumerate(rates)]
    records += [record("uniform 64", n, 100) for n in range(len(rates))]
    hot = next(verdict for verdict in verdicts(records) if "hot user" in verdict.name)
    assert (is_met, slow / 100) == (hot.is_met, hot.counts)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    """And is said to be so."""
    assert {None} == {verdict.is_met for verdict in verdicts([])}
    assert "not measured" in targets_table(verdicts([]))


def test_a_miss_is_printed_as_a_miss() -> None:
    """With its target beside it."""
    missed = Verdict("ours / theirs", "×", "≥", 15, (8.0, 9.0, 7.0), 8.0)
    expected = "| ours / theirs | 8.00 | 7.00 … 9.00 | ≥ 15 × | **MISS** |"
    assert expected == targets_table([missed]).splitlines()[-1]


def test_an_invalid_cell_is_printed_as_invalid() -> None:
    """With the reason, and without a rate."""
    table = cells_table([record("hot 64", 1, 900, invalid="nothing was in order")])
    assert "**invalid**" in table
    assert "nothing was in order" in table
    assert "900" not in table


def test_the_head_names_machine_and_fsync() -> None:
    """Without them no figure means anything."""
    assert "2 cores (A processor), 24 GiB; one fsync of the disk takes 0.15 ms" in head(MACHINE)


def test_a_stopped_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    """What was measured with the same stamp stays; what was invalid is measured again, as is a torn line."""
    path = tmp_path / "full.jsonl"
    first = Results(path, "stamp")
    first.add(record("hot 64", 1, 100))
    first.add(record("hot 64", 2, 100, invalid="wrong"))
    with path.open("a") as file:
        file.write('{"stamp": "st')
    asked: list[Cell] = []

    def measure(cells: list[Cell]) -> Iterator[Record]:
        asked.extend(cells)
        yield from [Record(cell, {}) for cell in cells]

    cells = tuple(Cell("hot", OURS, "hot 64", repeat) for repeat in (1, 2, 3))
    turn = Turn(cells, 1, 1, measure)
    again = Results(path, "stamp")
    measure_all([turn], again, lambda _: None)
    assert [2, 3] == [cell.repeat for cell in asked]
    assert set(cells) == again.measured == Results(path, "stamp").measured
    assert set() == Results(path, "another stamp").measured


def test_names_choose_groups_and_contestants() -> None:
    """Both together choose what is in both."""
    cells = [Cell("always", OURS, "hot 1", 1), Cell("always", "saq", "hot 1", 1), Cell("idle", OURS, "", 1)]
    turns = [Turn((cell,), 0, 0, lambda _: iter(())) for cell in cells]
    found = {
        names: [cell for turn in chosen(turns, list(names)) for cell in turn.cells]
        for names in ((), ("always",), (OURS,), ("always", OURS))
    }
    expected = {(): cells, ("always",): cells[:2], (OURS,): [cells[0], cells[2]], ("always", OURS): cells[:1]}
    assert expected == found


def test_figures_replace_those_between_the_markers() -> None:
    """And nothing else; a page without markers is no place for them."""
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb <!-- y -->"
    assert "a\n<!-- x -->\nnew\n<!-- /x -->\nb <!-- y -->" == between_markers(page, "x", "new\n")
    with pytest.raises(ValueError, match="no markers"):
        between_markers("a", "x", "new")
