"""Data of a newer Valkey in an older server: told, and left as it is."""

from pathlib import Path

import pytest

from keyledger.cli.embedded import DataFolder, EmbeddedError, RedisServer
from tests.programs import needed_program


def test_data_that_a_newer_server_wrote_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's Redis 7 does not read what Valkey 9 writes; Valkey still does afterwards."""
    older = needed_program("redis-server")
    monkeypatch.delenv("KEYLEDGER_TEST_REDIS_BIN", raising=False)
    with DataFolder.opened(tmp_path / "data") as folder:
        newer = RedisServer(folder)
        newer.start()
        newer.stop()
        monkeypatch.setenv("KEYLEDGER_TEST_REDIS_BIN", older)
        with pytest.raises(EmbeddedError, match="it was written by a newer server"):
            RedisServer(folder).start()
        monkeypatch.delenv("KEYLEDGER_TEST_REDIS_BIN")
        newer = RedisServer(folder)
        newer.start()
        newer.stop()
