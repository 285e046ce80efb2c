"""Writes `docs/settings.md` from the settings' own class: `./run docs` does it before it builds the site."""

from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from keyledger.contract.settings import Settings

PAGE: Final = Path(__file__).parent / "settings.md"
_HEAD: Final = """# Settings

All settings, by environment. `KEYLEDGER_SECRETS_DIR` names a folder with files instead, one for each setting,
named like it in small letters; what the environment says wins. `keyledger doctor --settings` shows what is in
force, secrets masked.

Times in `_s` are seconds, in `_ms` milliseconds. This page is made from `contract/settings.py`.

| setting | value | default | what it is |
|---|---|---|---|
"""
_WORDS: Final = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    SecretStr: "secret",
}


def text() -> str:
    """The whole page."""
    return _HEAD + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, PydanticUndefined) else field.default
    if isinstance(default, SecretStr):
        default = ""
    if isinstance(default, bool):
        default = str(default).lower()
    shown = f"`{default}`" if default not in ("", []) else ""
    words = (field.description or "").replace("|", "\\|")
    return f"| `KEYLEDGER_{name.upper()}` | {_kind(field)} | {shown} | {words} |\n"


def _kind(field: FieldInfo) -> str:
    kind: Any = field.annotation
    arguments = [argument for argument in get_args(kind) if argument is not type(None)]
    if get_origin(kind) is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if get_origin(kind) is list:
        return "JSON list"
    if arguments and kind not in _WORDS:
        kind = arguments[0]
    return _WORDS.get(kind, "text") + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    """From … to …, as far as they are set."""
    names = {"gt": "above {}", "ge": "from {}", "lt": "below {}", "le": "to {}"}
    found = [
        words.format(getattr(rule, name))
        for rule in field.metadata
        for name, words in names.items()
        if getattr(rule, name, None) is not None
    ]
    return f", {' '.join(found)}" if found else ""


if __name__ == "__main__":
    PAGE.write_text(text())
