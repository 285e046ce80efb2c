"""The history of a fault run: written whole, read whole or refused, and paired to operations."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from keyledger.cli.torture.checking import enough
from keyledger.cli.torture.history import (
    Entry,
    HistoryDamaged,
    HistoryWriter,
    Operation,
    operations,
    read_history,
)

INVOKE = Entry(0, "invoke", "AddPhysicalKey", "ada", "k", None, None, None, 1.5)
OK = replace(INVOKE, type="ok", command_id="c", number=1, code=200, at_ms=2.0)
FAIL = replace(INVOKE, type="fail", code=429, at_ms=2.0)
INFO = replace(INVOKE, type="info", at_ms=2.0)
LINE = json.dumps(
    {"process": 0, "type": "ok", "command": "AddPhysicalKey", "user": "ada", "key": "k",
     "commandId": "c", "number": 1, "code": 200, "at": 2.0}
)  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """In order, every member, whatever script the user's id is in."""
    path = tmp_path / "history.jsonl"
    entries = [INVOKE, OK, replace(INFO, user='Ünï "🔑"\u2028', key=None)]
    with HistoryWriter(path) as writer:
        for entry in entries:
            writer.write(entry)
        assert entries == writer.entries == read_history(path)


def test_a_line_has_the_names_of_the_wire(tmp_path: Path) -> None:
    """One JSON object, in camelCase."""
    path = tmp_path / "history.jsonl"
    with HistoryWriter(path) as writer:
        writer.write(OK)
    assert json.loads(LINE) == json.loads(path.read_text("utf-8"))
    assert json.loads(LINE) == OK.to_wire()


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    """Each line is one client's, and none is missing."""
    path = tmp_path / "history.jsonl"
    clients = [[replace(INVOKE, process=client, at_ms=float(at)) for at in range(200)] for client in range(8)]
    with HistoryWriter(path) as writer:

        def write(client: int) -> None:
            for entry in clients[client]:
                writer.write(entry)

        with ThreadPoolExecutor(8) as pool:
            assert [None] * 8 == list(pool.map(write, range(8)))
        written = writer.entries
    assert written == read_history(path)
    assert clients == [[entry for entry in written if entry.process == client] for client in range(8)]


def test_two_runs_are_not_mixed(tmp_path: Path) -> None:
    """A history is evidence: it is neither continued nor written over."""
    path = tmp_path / "history.jsonl"
    HistoryWriter(path).close()
    with pytest.raises(FileExistsError):
        HistoryWriter(path)


@pytest.mark.parametrize(
    ("damaged", "about"),
    [
        (LINE[:-9], "Invalid JSON"), ("", "Invalid JSON"), ("[]", "an object"), (LINE + LINE, "Invalid JSON"),
        (LINE.replace('"ok"', '"okay"'), "type"), (LINE.replace("200", '"200"'), "code"),
        (LINE.replace('"user": "ada", ', ""), "user"), (LINE.replace("2.0", "NaN"), "at"),
        (LINE.replace("commandId", "command_id"), "commandId"), (LINE.replace("{", '{"x": 1, '), "x"),
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(tmp_path: Path, damaged: str, about: str) -> None:
    """Rather than checked as if nothing had been there."""
    path = tmp_path / "history.jsonl"
    path.write_text(f"{LINE}\n{damaged}\n{LINE}\n", "utf-8")
    with pytest.raises(HistoryDamaged, match=rf"line 2 of history\.jsonl is damaged: .*{about}"):
        read_history(path)


@pytest.mark.parametrize(
    ("end", "is_answered", "is_refused"),
    [(OK, True, False), (FAIL, False, True), (INFO, False, False), (None, False, False)],
)
def test_an_operation_is_an_invoke_and_its_end(
    end: Entry | None, is_answered: bool, is_refused: bool
) -> None:
    """Without an end, or with an unknown one, it is neither answered nor refused."""
    entries = [INVOKE] if end is None else [INVOKE, end]
    (operation,) = operations(entries)
    assert Operation(INVOKE, end) == operation
    assert (is_answered, is_refused) == (operation.is_answered, operation.is_refused)


def test_only_an_acknowledgement_that_is_not_202_is_final() -> None:
    """Neither what was refused nor what is unknown says how the command ended."""
    entries = [INVOKE, OK, replace(OK, code=409), replace(OK, code=202), FAIL, INFO]
    assert [False, True, True, False, False, False] == [entry.is_final for entry in entries]


def test_processes_overlap_and_each_is_paired_with_itself() -> None:
    """By process, in the order of the invokes; a next invoke leaves the one before without an end."""
    other = replace(INVOKE, process=1, user="bob", at_ms=1.7)
    next_ = replace(INVOKE, process=1, user="cyd", at_ms=1.9)
    assert [Operation(INVOKE, OK), Operation(other, None), Operation(next_, None)] == operations(
        [INVOKE, other, next_, OK]
    )


@pytest.mark.parametrize("entries", [[OK], [INVOKE, OK, OK], [INVOKE, replace(OK, user="bob")],
                                     [INVOKE, replace(OK, command="CreateUser")],
                                     [INVOKE, replace(OK, key="other")]])  # fmt: skip
def test_an_end_of_nothing_sent_is_refused(entries: list[Entry]) -> None:
    """The harness would have mixed up its clients."""
    with pytest.raises(HistoryDamaged, match="process 0 heard"):
        operations(entries)


def test_enough_is_a_share_of_what_was_sent_outside_the_fault() -> None:
    """Unknown and refused count against it, what was sent within the window not at all."""
    history = []
    for at_ms, end in [(1.0, OK), (2.0, INFO), (3.0, OK), (5.0, FAIL), (6.0, INFO), (7.0, FAIL), (8.0, OK)]:
        history += [replace(INVOKE, at_ms=at_ms), replace(end, at_ms=at_ms + 0.5)]
    assert 0.6 == enough(history, (5.0, 6.0))
    assert 0.75 == enough(history, (5.0, 7.0))
    assert 0.0 == enough(history, (1.0, 8.0))
