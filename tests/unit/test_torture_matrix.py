"""The matrix of fault runs: every fault is there, results are kept, and the page says what they say."""

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from keyledger.cli.configured import CommandError
from keyledger.cli.torture.faults import FAULTS
from keyledger.cli.torture.faults.mixing import STRIKES, schedule
from keyledger.cli.torture.history import Entry
from keyledger.cli.torture.latencies import answer_times_s, p99_s
from keyledger.cli.torture.matrix import RESULTS, Cell, Matrix
from keyledger.cli.torture.report import lines_of, page_of, why
from keyledger.cli.torture.shape import Shape

SHAPE = Shape(commands=100)
ABOUT = {"date": "2026-11-24", "versions": "keyledger 0"}
CELLS = [Cell(FAULTS[name], 1) for name in ("F4-redis-killed", "F19-mixed")]


def row(fault: str, seed: int = 1, **changed: Any) -> dict[str, Any]:
    shape = {to_camel(name): value for name, value in asdict(SHAPE).items()}
    return {
        "fault": fault, "seed": seed, "commands": 1_000, "violations": [], "problems": [], "missed": [],
        "markers": ["it bit"], "recoveredS": 1.25, "tookS": 9.0, "figures": {}, "isPassed": True,
        "shape": shape, **ABOUT, **changed,
    }  # fmt: skip


def test_every_fault_of_the_list_is_there() -> None:
    """F1 to F20 and H1 to H7, each with a marker that must be seen."""
    wanted = [*(f"F{number}" for number in range(1, 21)), *(f"H{number}" for number in range(1, 8))]
    assert wanted == list(dict.fromkeys(name.partition("-")[0] for name in FAULTS))
    assert [] == [name for name, fault in FAULTS.items() if not fault.markers]


def test_a_schedule_follows_from_its_seed() -> None:
    """The same again for the same, another for another."""
    drawn = [schedule(random.Random(f"F19-mixed {seed}")) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert STRIKES == len(drawn[0])


def test_what_has_passed_in_the_same_shape_is_not_run_again(tmp_path: Path) -> None:
    """Its result is the one that is kept; of another shape, or failed, it is run."""
    matrix = Matrix(CELLS, SHAPE, tmp_path)
    rows = [row("F4-redis-killed"), row("F19-mixed")]
    (tmp_path / RESULTS).write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert rows == matrix.run(ABOUT, lambda *_: None, lambda _: None)
    assert [] == list(replace(matrix, shape=Shape(commands=200)).passed())
    (tmp_path / RESULTS).write_text(json.dumps(row("F4-redis-killed", isPassed=False)) + "\n")
    assert [] == list(matrix.passed())


@pytest.mark.parametrize("line", ["no json", "{}", "[]", '{"isPassed": true}'])
def test_results_that_are_damaged_are_named(tmp_path: Path, line: str) -> None:
    """With what to do."""
    (tmp_path / RESULTS).write_text(json.dumps(row("F4-redis-killed")) + f"\n{line}\n")
    with pytest.raises(CommandError, match=r"Line 2 of .*results.jsonl is damaged: delete it"):
        Matrix(CELLS, SHAPE, tmp_path).run(ABOUT, lambda *_: None, lambda _: None)


def test_a_run_that_cannot_be_made_is_a_result_and_the_others_go_on(tmp_path: Path) -> None:
    """Here its folder cannot be made."""
    (tmp_path / "F4-redis-killed-1").write_text("")
    told: list[dict[str, Any]] = []
    matrix = Matrix(CELLS[:1], SHAPE, tmp_path)
    (made,) = matrix.run(ABOUT, lambda *_: None, told.append)
    assert ([made], False, 0) == (told, made["isPassed"], made["commands"])
    assert why(made).startswith("NotADirectoryError")


def test_the_page_adds_up_what_the_runs_have_shown() -> None:
    """Runs of a fault in one line, in the order of the faults; what did not pass, by name and reason."""
    violation = {"invariant": "I3", "user": "ada", "problem": "a gap", "shows": []}
    rows = [
        row("F19-mixed", markers=["it bit", "twice"]),
        row("F4-redis-killed", 1),
        row("F4-redis-killed", 2, recoveredS=3.0, violations=[violation], isPassed=False, missed=["late"]),
        row("F4-redis-killed", 3, recoveredS=None, markers=[], figures={"p99": 1.5}),
    ]
    first, second = lines_of(rows)
    assert ("F4-redis-killed", 3_000, 1, 2) == (first.fault, first.commands, first.violations, first.passed)
    assert ("2.1 s, 3.0 s", "", "p99: 1.50") == (first.recovered, first.markers, first.figures)
    assert ("F19-mixed", "it bit; twice") == (second.fault, second.markers)
    page = page_of(rows)
    assert "| 2 of 3 | 3,000 | 1 | 2.1 s, 3.0 s | p99: 1.50 |" in page
    assert "In all 4 runs, 4,000 commands, 1 violations." in page
    assert "Not passed: F4-redis-killed, seed 2: late; I3 violated" in page


def test_how_long_others_waited_is_of_those_answered_when_done() -> None:
    """Sent in that time, not of the one user; the ninety-ninth of a hundred."""

    def asked(user: str, at_ms: float, took_ms: float, code: int = 200) -> list[Entry]:
        facts = (int(at_ms), "AddPhysicalKey", user, None)
        process, command, who, key = facts
        return [
            Entry(process, "invoke", command, who, key, None, None, None, at_ms),
            Entry(process, "ok", command, who, key, "id", 1, code, at_ms + took_ms),
        ]

    history = [*asked("ada", 10, 100), *asked("bob", 11, 200), *asked("hot", 12, 900),
               *asked("ada", 13, 5, 202), *asked("ada", 99, 300)]  # fmt: skip
    assert [0.1, 0.2] == answer_times_s(history, 10, 50, "hot")
    assert (0.99, 0.0) == (p99_s(number / 100 for number in range(100)), p99_s([]))
