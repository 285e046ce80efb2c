"""Data of an older PostgreSQL is brought to ours, nothing is lost on the way; 16 is in our wheel, too."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from keyledger.cli.embedded import (
    DataFolder,
    EmbeddedError,
    PostgresServer,
    postgres_server,
    postgres_upgrade,
)
from keyledger.cli.embedded.postgres_programs import MAJOR
from keyledger.ledger.migrations import migrate, newest_revision
from tests.service import deleted_at_the_end

OLD = 16
OF_OLD = ("--locale-provider=libc", "--locale=C.UTF-8")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    """A data folder whose PostgreSQL is the old one, with an organisation in it; it did not end well."""
    with deleted_at_the_end(tmp_path / "data") as data, DataFolder.opened(data) as opened:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres_server, "MAJOR", OLD)
            patch.setattr(postgres_server, "LOCALE", OF_OLD)
            old = PostgresServer(opened)
            old.start()
            with psycopg.connect(old.url) as connection:
                connection.execute("CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) n")
            assert old.process is not None
            os.kill(old.process.pid, signal.SIGKILL)
            old.stop()
        yield opened


def started(folder: DataFolder) -> tuple[int, int]:
    """Start ours; its major version, and how many rows are there. Our schema can be made on it."""
    server = PostgresServer(folder)
    server.start()
    try:
        assert newest_revision() == migrate(server.url)
        with psycopg.connect(server.url) as connection:
            rows = connection.execute("SELECT count(*) FROM kept").fetchone()
            return connection.info.server_version // 10_000, rows[0] if rows else 0
    finally:
        server.stop()


@pytest.mark.long
def test_older_data_is_upgraded_and_kept(folder: DataFolder) -> None:
    """Also when the old server was killed; the old data stays beside the new."""
    assert (MAJOR, 1_000) == started(folder)
    place = PostgresServer(folder)._place()
    assert OLD == postgres_upgrade.major_of(place / f"data-{OLD}")
    assert (MAJOR, 1_000) == started(folder)


@pytest.mark.long
def test_an_upgrade_that_was_cut_off_is_finished_or_begun_anew(folder: DataFolder) -> None:
    """Between the two renames it is finished; before, what is there is thrown away."""
    place = PostgresServer(folder)._place()
    (place / postgres_upgrade.NEW).mkdir()
    (place / postgres_upgrade.NEW / "half").touch()
    assert 1_000 == started(folder)[1]
    (place / "data").rename(place / postgres_upgrade.NEW)
    assert 1_000 == started(folder)[1]


def test_what_hinders_an_upgrade_is_told_and_nothing_is_changed(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room, no programs of the old version, an older upgrade's data in the way, a newer version's data."""
    data = PostgresServer(folder)._place() / "data"

    def refused() -> str:
        with pytest.raises(EmbeddedError) as refusal:
            PostgresServer(folder).start()
        return str(refusal.value)

    with monkeypatch.context() as patch:
        patch.setattr(postgres_upgrade, "SPARE_BYTES", 2**60)
        assert "make room" in refused()
    (data / "PG_VERSION").write_text("9\n")
    assert f"ln -s DIR {folder.path / 'postgresql-9'}" in refused()
    (data / "PG_VERSION").write_text("99\n")
    assert "older: use the version" in refused()
    (data / "PG_VERSION").write_text(f"{OLD}\n")
    (data.parent / f"data-{OLD}").mkdir()
    assert "in the way" in refused()
