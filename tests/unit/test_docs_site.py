"""The documentation: it builds, nothing in it leads nowhere, and what is made from code is fresh."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from docs.write_settings import PAGE, text
from keyledger.contract.settings import Settings

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by mkdocs.yml's strict rules: dead links, missing anchors, pages that nobody finds fail."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [ROOT / ".venv/bin/mkdocs", "build", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == built.returncode, built.stderr
    return folder


def test_the_site_asks_nobody_else(site: Path) -> None:
    """No font, script or style from elsewhere: it can be read without the internet."""
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)|<link[^>]+stylesheet[^>]+href="(https?:[^"]+)'
    )
    assert [] == [found for page in site.rglob("*.html") for found in loaded.findall(page.read_text())]


def test_every_page_is_in_the_site(site: Path) -> None:
    """As many as there are."""
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    built = {page.parent.relative_to(site) for page in site.rglob("index.html")}
    assert {page.with_suffix("") for page in pages if page.name != "index.md"} <= built


def test_the_settings_page_is_fresh_and_explains_everything() -> None:
    """`./run docs` writes it; every setting says what it is."""
    assert text() == PAGE.read_text(), "run ./run docs"
    assert [] == [name for name, field in Settings.model_fields.items() if not field.description]


def test_decisions_are_all_in_the_navigation() -> None:
    """In their order."""
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = next(part["Decisions"] for part in navigation if "Decisions" in part)
    files = sorted(f"decisions/{page.name}" for page in (ROOT / "docs/decisions").glob("*.md"))
    assert files == listed


def test_commands_in_the_documentation_exist() -> None:
    """`keyledger …` as somebody would type it."""
    from typer.main import get_command

    from keyledger.cli.main import app

    group = get_command(app).commands  # type: ignore[attr-defined]
    told = (
        "".join(page.read_text() for page in (ROOT / "docs").glob("*.md")) + (ROOT / "README.md").read_text()
    )
    for first, second in re.findall(r"`keyledger ([a-z]+)(?: ([a-z-]+))?", told):
        assert first in group, first
        if hasattr(group[first], "commands") and second:
            assert second in group[first].commands, f"{first} {second}"
