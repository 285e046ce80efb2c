"""Where a command finds the service it works on: `KEYLEDGER_*`, or the data folder of `keyledger up`.

What the environment says wins. Without it, `up` has left the settings of its servers in the data folder.
"""

import os
from pathlib import Path
from typing import Annotated, Final

import typer
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError
from pydantic_settings import SettingsError
from redis.connection import parse_url

from keyledger.contract.settings import Settings

SERVICE_FILE: Final = "service.env"
DEFAULT_DATA: Final = Path(".keyledger")

DataOption = Annotated[
    Path, typer.Option("--data", envvar="KEYLEDGER_DATA", help="Data folder of keyledger up.", metavar="DIR")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


def has_own_servers() -> bool:
    """Does the environment, or a folder of secrets, name the servers? Both or none: CommandError when only
    one is named."""
    folder = _secrets_folder()
    named = [
        name
        for name in ("KEYLEDGER_REDIS_URL", "KEYLEDGER_DATABASE_URL")
        if os.environ.get(name) or (folder is not None and (folder / name.lower()).is_file())
    ]
    if len(named) == 1:
        raise CommandError(
            f"Only {named[0]} is set: set KEYLEDGER_REDIS_URL and KEYLEDGER_DATABASE_URL, or neither"
        )
    return len(named) == 2


def read_settings(data: Path) -> Settings:
    """The settings of the service this command works on. Raises CommandError."""
    if has_own_servers():
        return settings_from(None)
    file = data / SERVICE_FILE
    if not file.is_file():
        raise CommandError(
            f"No service was started in {data}: start it with keyledger up, name its folder with --data DIR, "
            "or set KEYLEDGER_REDIS_URL and KEYLEDGER_DATABASE_URL"
        )
    return settings_from(file)


def process_settings() -> Settings:
    """The settings of a process of its own. Raises CommandError."""
    return settings_from(None)


def _secrets_folder() -> Path | None:
    """Where secrets stand in files, one each, named as the setting in small letters."""
    folder = os.environ.get("KEYLEDGER_SECRETS_DIR")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise CommandError(f"KEYLEDGER_SECRETS_DIR is {folder}, which is no folder")
    return Path(folder)


def settings_from(file: Path | None, **given: str) -> Settings:
    """Settings as given, then from the environment, then from a file, then from secrets in files. A wrong one
    is a CommandError that names it."""
    try:
        settings = Settings(_env_file=file, _secrets_dir=_secrets_folder(), **given)  # type: ignore[arg-type]
    except SettingsError as error:
        name = str(error).partition('"')[2].partition('"')[0]
        raise CommandError(f"A setting is wrong: KEYLEDGER_{name.upper()} must be JSON") from None
    except ValidationError as error:
        wrong = "; ".join(
            f"KEYLEDGER_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise CommandError(f"A setting is wrong: {wrong}") from None
    _check_urls(settings)
    return settings


def _check_urls(settings: Settings) -> None:
    """What the drivers could not read; their words would show the password."""
    try:
        parse_url(settings.redis_url)  # type: ignore[no-untyped-call]
    except ValueError:
        raise CommandError(
            "A setting is wrong: KEYLEDGER_REDIS_URL must look like redis://USER:PASSWORD@HOST:6379/0"
        ) from None
    try:
        if not settings.database_url.startswith(("postgresql://", "postgres://")):
            raise ValueError
        conninfo_to_dict(settings.database_url)
    except (ValueError, ProgrammingError):
        raise CommandError(
            "A setting is wrong: KEYLEDGER_DATABASE_URL must look like postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
