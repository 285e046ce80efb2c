"""The version before this one, really installed beside ours, for trials in which both take part.

It is known by its Python alone; what it does, it does by its own command line, as its operators would.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..configured import CommandError
from .servers import clean_environment
from .shape import ORGANISATION

COMMAND_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class VersionBefore:
    """`python` is that of its environment."""

    python: str

    def run(self, settings: Mapping[str, object], *arguments: str) -> str:
        """What its `keyledger` command prints, with these settings. Raises CommandError when it fails."""
        given = {f"KEYLEDGER_{name.upper()}": str(value) for name, value in settings.items()}
        try:
            ran = subprocess.run(
                [self.python, "-m", "keyledger", *arguments],
                env=clean_environment() | given,
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
        except OSError as error:
            raise CommandError(
                f"{self.python} cannot be run ({error.strerror}): --previous names the Python of another "
                "installation of keyledger"
            ) from error
        if ran.returncode != 0:
            raise CommandError(f"The version before failed to {' '.join(arguments)}: {ran.stderr.strip()}")
        return ran.stdout

    def make_api_key(self, settings: Mapping[str, object], pepper: str) -> str:
        """The organisation of a trial, and a key of it, in a schema that may be older than ours."""
        self.run(settings, "org", "add", ORGANISATION)
        made = self.run(
            {**settings, "api_key_pepper": pepper}, "apikey", "create", ORGANISATION, "--json"
        )  # fmt: skip
        return str(json.loads(made)["apiKey"])
