"""The whole command line, looked at without running it."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from keyledger.cli.main import app


def leaves(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its name."""
    for name, part in getattr(command, "commands", {}).items():
        if hasattr(part, "commands"):
            yield from leaves(part, *path, name)
        else:
            yield " ".join([*path, name]), part


COMMANDS = dict(leaves(get_command(app)))


def test_there_are_all_of_them() -> None:
    """The tests below are about something."""
    assert {"up", "doctor", "lane park", "dead edit", "webhook check", "operator trail"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    """One that names the command itself; and words for every option."""
    command = COMMANDS[name]
    assert f"keyledger {name}" in command.help.partition("Example:")[2]
    assert [] == [
        parameter.name
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.help
    ]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.split()[-1] in ("list", "show", "trail")])
def test_what_shows_something_shows_it_to_scripts_too(name: str) -> None:
    """As JSON."""
    assert "--json" in {option for parameter in COMMANDS[name].params for option in parameter.opts}


def test_completion_can_be_installed() -> None:
    """For bash, zsh and fish, by Typer."""
    options = {option for parameter in get_command(app).params for option in parameter.opts}
    assert "--install-completion" in options


def test_it_says_its_version() -> None:
    """As every program does, and as the package is installed."""
    told = CliRunner().invoke(app, ["--version"])
    assert (0, f"keyledger {version('keyledger')}\n") == (told.exit_code, told.output)
