"""The rules of the house, checked on the source: who imports whom, and where certain words may stand."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.source_code import (
    LINES_MAX,
    MAY_IMPORT,
    MODULES,
    ROOT,
    TREES,
    at_import,
    commits,
    connects,
    imported_rooms,
    instantiates_settings,
    name_of,
    places,
    reads_clock,
    reads_environment,
    room_of,
)


def test_every_room_is_looked_at() -> None:
    """The rules below are about something."""
    assert set(MAY_IMPORT) == {room_of(path) for path in MODULES}
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_import_only_what_the_design_allows(path: Path) -> None:
    """Its own room and those of the table; relative imports stay inside the room."""
    allowed = {room_of(path), *MAY_IMPORT[room_of(path)]}
    assert [] == [(room, line) for room, line in imported_rooms(path, TREES[path]) if room not in allowed]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_other_rooms_are_imported_by_their_full_name(path: Path) -> None:
    """A relative import never leaves its room."""
    depth = len(path.relative_to(ROOT).parts) - 1
    relative = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom) and node.level]
    assert [] == [node.lineno for node in relative if node.level > depth]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """Every one has a docstring."""
    assert (ast.get_docstring(TREES[path]) or "").strip()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_one_room_with_one_job(path: Path) -> None:
    """Past 250 lines it has become two; migrations are as long as they are."""
    if "migrations" not in path.parts:
        assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX


def test_modules_are_nouns_of_this_house() -> None:
    """No name that takes in anything."""
    vague = {"util", "utils", "common", "helper", "helpers", "manager", "base"}
    names = {part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert set() == vague & names


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_connects_or_starts_at_import(path: Path) -> None:
    """A module can be imported anywhere, any time; `__main__` is run, not imported."""
    assert [] == [getattr(node, "lineno", 0) for node in at_import(TREES[path]) if connects(node)]


def test_only_the_command_line_reads_the_environment() -> None:
    """Settings read it by themselves, once, where a process is put together."""
    assert set() == {place for place in places(reads_environment) if not place.startswith("cli/")}


def test_settings_are_made_only_where_a_process_is_put_together() -> None:
    """Everybody else is handed them."""
    assert set() == {place for place in places(instantiates_settings) if not place.startswith("cli/")}


def test_commit_appears_in_one_place() -> None:
    """One task is one transaction."""
    assert {"ledger/recording.py"} == places(commits)


def test_what_is_pure_has_no_clock() -> None:
    """Time is an argument of the contract and of the decisions."""
    pure = {
        place
        for place in places(reads_clock)
        if place.startswith("contract/") or place == "worker/decisions.py"
    }
    assert set() == pure


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (reads_environment, "import os\nos.environ['A']"),
        (reads_environment, "from os import environ"),
        (reads_environment, "import os\nos.getenv('A')"),
        (reads_clock, "import time\ntime.time_ns()"),
        (reads_clock, "import datetime\ndatetime.datetime.now()"),
        (reads_clock, "from time import time"),
        (instantiates_settings, "Settings(_env_file=None)"),
        (commits, "c.execute('commit')"),
        (commits, "c.execute('UPDATE a SET b = 1; COMMIT;')"),
        (commits, "self._connection.commit()"),
        (connects, "redis.Redis()"),
        (connects, "threading.Thread(target=f).start()"),
    ],
)
def test_the_rules_can_be_broken(rule: Callable[[ast.AST], bool], source: str) -> None:
    """Each finder finds what it looks for."""
    assert {"cli/x.py"} == places(rule, {ROOT / "cli/x.py": ast.parse(source)})


@pytest.mark.parametrize(
    ("source", "rooms"),
    [("from keyledger.worker import x", ["worker"]), ("import keyledger.ledger.reads", ["ledger"]),
     ("from keyledger import cli", ["cli"]), ("from lanes import x", ["bare lanes"]),
     ("from .. import ledger", ["ledger"]),
     ("from ..ledger import x", ["ledger"]), ("from .wire import x", ["producer"]), ("import json", [])],
)  # fmt: skip
def test_every_way_to_import_a_room_is_seen(source: str, rooms: list[str]) -> None:
    """Absolute, relative, and past the package."""
    assert rooms == [room for room, _ in imported_rooms(ROOT / "producer/x.py", ast.parse(source))]
