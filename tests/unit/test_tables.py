"""What the command line prints of other people's words."""

import pytest
from rich.table import Column, Table

from keyledger.cli.tables import plain_console, print_table

ODD = "[/red] [bold]x[/bold] :smile:"


def test_what_looks_like_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """In tables and in lines; a closing tag without its opening one ends nothing."""
    table = Table("name", title=ODD)
    table.add_row(ODD)
    print_table(table)
    plain_console(soft_wrap=True).print(ODD)
    assert 3 == capsys.readouterr().out.count(ODD)


def test_a_narrow_terminal_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ids leave no room for the rest, each cell gets a line; without anything in it, none."""
    monkeypatch.setattr("keyledger.cli.tables.PIPE_WIDTH", 40)
    id_ = "0123456789abcdefghijklmnopqrstuvwxyz"
    table = Table(Column("command id", no_wrap=True), "user", "why")
    table.add_row(id_, ODD, "")
    print_table(table)
    assert [f"command id  {id_}", f"user        {ODD}", ""] == capsys.readouterr().out.splitlines()


def test_a_table_that_can_be_folded_stays_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are folded, and all are there."""
    monkeypatch.setattr("keyledger.cli.tables.PIPE_WIDTH", 40)
    table = Table("user", "why")
    table.add_row("u" * 100, "looked into")
    print_table(table)
    printed = capsys.readouterr().out
    assert (100, True) == (printed.count("u") - 1, "looked into" in printed)
