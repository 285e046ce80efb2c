"""Many trials, one after the other, whose results are kept as they come, so that a run can be resumed.

Guarantee: a result stands in the file when its trial has ended, and a trial that passed in the same shape is
not run again. The history and the logs of a trial are kept only if it did not pass.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic.alias_generators import to_camel

from ..configured import CommandError
from .fault import Fault
from .servers import Servers
from .shape import Shape
from .trial import Result, run_trial
from .version_before import VersionBefore

RESULTS: Final = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Cell:
    """One trial of the matrix."""

    fault: Fault
    seed: int

    @property
    def name(self) -> str:
        return f"{self.fault.name}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is to be run, and where its results are."""

    cells: Sequence[Cell]
    shape: Shape
    folder: Path
    own_servers: Servers | None = None
    previous: VersionBefore | None = None

    def run(
        self, about: dict[str, Any], say: Callable[[Cell, str], None], ended: Callable[[dict[str, Any]], None]
    ) -> list[dict[str, Any]]:
        """Run what has not passed yet; returns all results, those of earlier runs included. `about` is kept
        with each result: date and versions."""
        self.folder.mkdir(parents=True, exist_ok=True)
        done = {(row["fault"], row["seed"]): row for row in self.passed()}
        for cell in self.cells:
            if (cell.fault.name, cell.seed) in done:
                continue
            row = self._row(self._tried(cell, say), about)
            with (self.folder / RESULTS).open("a") as file:
                file.write(json.dumps(row) + "\n")
            done[cell.fault.name, cell.seed] = row
            ended(row)
        return [done[cell.fault.name, cell.seed] for cell in self.cells]

    def passed(self) -> Iterator[dict[str, Any]]:
        """Results of earlier runs in the same shape. Raises CommandError for a file that is damaged."""
        file = self.folder / RESULTS
        lines = file.read_text().splitlines() if file.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if row["isPassed"] and row["shape"] == _wire(self.shape):
                    yield row
            except (ValueError, KeyError, TypeError) as error:
                raise CommandError(
                    f"Line {number} of {file} is damaged: delete it, or choose another --results"
                ) from error

    def _tried(self, cell: Cell, say: Callable[[Cell, str], None]) -> Result:
        """The result of a trial; one that could not be run is a problem, and the others go on."""
        folder = self.folder / cell.name
        try:
            if folder.exists():
                shutil.rmtree(folder)
            result = run_trial(
                cell.fault,
                cell.seed,
                self.shape,
                folder,
                lambda text: say(cell, text),
                self.own_servers,
                self.previous,
            )
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return Result(cell.fault.name, cell.seed, 0, [], [text], [], [], None, 0.0, {})
        if result.is_passed:
            shutil.rmtree(folder)
        return result

    def _row(self, result: Result, about: dict[str, Any]) -> dict[str, Any]:
        violations = [asdict(violation) for violation in result.violations]
        return {
            **_wire(result),
            "violations": violations,
            "isPassed": result.is_passed,
            "shape": _wire(self.shape),
            **about,
        }


def _wire(value: Any) -> dict[str, Any]:
    """Its members in camelCase."""
    return {to_camel(name): member for name, member in asdict(value).items()}
