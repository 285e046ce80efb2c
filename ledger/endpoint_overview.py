"""All organisations' endpoints with what waits for them, troubled ones first. Sync, for operators."""

from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from .errors import translated

ENDPOINTS_MAX: Final = 500
LANES_MAX: Final = 1_000
"""Lanes that wait are counted up to here for each endpoint."""

_LIST: Final = f"""
SELECT id::text, organisation_id, url, reason, failures, failing_since_ms, probe_ms, created_ms,
       CASE WHEN status = 'active' AND probe_ms IS NOT NULL THEN 'failing' ELSE status END AS status,
       (SELECT count(*) FROM (SELECT FROM delivery_lanes l WHERE l.endpoint_id = endpoints.id
                              AND l.due_ms IS NOT NULL LIMIT {LANES_MAX}) w) AS waiting_lanes
FROM endpoints WHERE deleted_ms IS NULL AND (%(id)s::uuid IS NULL OR id = %(id)s)
ORDER BY status = 'active' AND probe_ms IS NULL, organisation_id, created_ms LIMIT {ENDPOINTS_MAX}
"""


def list_all_endpoints(connection: psycopg.Connection, id_: str | None = None) -> list[dict[str, Any]]:
    """Every endpoint, or one."""
    with translated(connection), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_LIST, {"id": id_}).fetchall()
