"""The core: users, commands, events, keys, dead letters, organisations, API keys, shards.

Tables as in `ledger/schema.py`; here, too, what metadata cannot say: sequences, the collation of
searches, room in pages, and the triggers that refuse gaps in numbers and versions and any change to
the log. The triggers run once a statement, so a batch pays for them once.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCES = """
-- Cache 1: positions are drawn in the order of the inserts, whichever connection draws them.
CREATE SEQUENCE event_positions CACHE 1;
-- Fences grow whatever happens to Redis.
CREATE SEQUENCE fences CACHE 1;
"""

_COLLATION = """
-- Unicode letter case for searches, on whatever this server offers.
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE 'CREATE COLLATION unicode_text (provider = builtin, locale = ''C.UTF-8'')';
    ELSIF EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') THEN
        EXECUTE 'CREATE COLLATION unicode_text (provider = icu, locale = ''und'')';
    ELSE
        EXECUTE 'CREATE COLLATION unicode_text (provider = libc, locale = ''C.UTF-8'')';
    END IF;
END
$$;
"""

_STORAGE = """
-- Heads are updated in place all the time; room in the page keeps that off the index.
ALTER TABLE users SET (fillfactor = 60);
"""

# The number before is looked up by LIMIT 1 and not by a join: the planner knows nothing of how many rows
# were added, and must not choose to read the whole table.
_TRIGGERS = """
CREATE FUNCTION refuse_number_gap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT user_id, min(number) AS first, max(number) AS last, count(*) AS n
            FROM added GROUP BY user_id
        ) a
        WHERE a.last - a.first + 1 <> a.n
           OR a.first - 1 <> coalesce((
                SELECT k.number FROM physical_keys k
                WHERE k.user_id = a.user_id AND k.number < a.first ORDER BY k.number DESC LIMIT 1), 0)
    ) THEN
        RAISE EXCEPTION 'key numbers must continue without a gap'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER numbers_continue AFTER INSERT ON physical_keys
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_number_gap();

CREATE FUNCTION refuse_version_gap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (
            SELECT user_id, min(version) AS first, max(version) AS last, count(*) AS n
            FROM added WHERE version IS NOT NULL GROUP BY user_id
        ) a
        WHERE a.last - a.first + 1 <> a.n
           OR a.first - 1 <> coalesce((
                SELECT e.version FROM events e
                WHERE e.user_id = a.user_id AND e.version < a.first ORDER BY e.version DESC LIMIT 1), 0)
    ) THEN
        RAISE EXCEPTION 'event versions must continue without a gap'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER versions_continue AFTER INSERT ON events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse_version_gap();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER keeps_rows BEFORE DELETE OR TRUNCATE ON physical_keys
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    op.execute(_SEQUENCES + _COLLATION)
    op.create_table(
        "commands",
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("event_id", sa.UUID(as_uuid=False), nullable=True),
        sa.Column("error", postgresql.JSON(), nullable=True),
        sa.Column("accepted_ms", sa.BigInteger(), nullable=False),
        sa.Column("completed_ms", sa.BigInteger(), nullable=False),
        sa.Column("retry_of", sa.UUID(as_uuid=False), nullable=True),
        sa.CheckConstraint("(status = 'completed') = (error IS NULL)", name=op.f("commands_answer_check")),
        sa.CheckConstraint(
            "status IN ('completed', 'rejected', 'failed', 'cancelled')", name=op.f("commands_status_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("commands_pkey")),
    )
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger(),
            server_default=sa.text("nextval('event_positions')"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True, comment="none for rejections and failures"),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSON(), nullable=False),
        sa.Column("command_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=True, comment="whom it is delivered to"),
        sa.Column("actor", postgresql.JSON(), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("events_pkey")),
        sa.UniqueConstraint("id", name=op.f("events_id_key")),
    )
    op.create_index(
        "events_user_id_version_key",
        "events",
        ["user_id", "version"],
        unique=True,
        postgresql_where=sa.text("version IS NOT NULL"),
    )
    op.create_table(
        "lane_shards",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "identity",
            sa.Text(),
            nullable=True,
            comment="of the Redis data set last seen; another one means a loss",
        ),
        sa.Column(
            "accepts",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="ever, as last seen there",
        ),
        sa.Column(
            "waiting",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="commands, as last seen there",
        ),
        sa.Column(
            "seen_ms", sa.BigInteger(), server_default="0", nullable=False, comment="when, on the Redis clock"
        ),
        sa.Column(
            "swept_ms", sa.BigInteger(), server_default="0", nullable=False, comment="when, on the clock here"
        ),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_loss_ms", sa.BigInteger(), nullable=True),
        sa.Column(
            "last_loss_commands",
            sa.BigInteger(),
            nullable=True,
            comment="how many waited there when last seen before the loss",
        ),
        sa.PrimaryKeyConstraint("shard", name=op.f("lane_shards_pkey")),
    )
    op.create_table(
        "organisations",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rate_per_s", sa.Integer(), nullable=True, comment="commands a second; none: the setting"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rate_per_s > 0", name=op.f("organisations_rate_per_s_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("organisations_pkey")),
    )
    op.create_table(
        "physical_keys",
        sa.Column("user_id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Text(), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.Column("removed_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("number >= 1", name=op.f("physical_keys_number_check")),
        sa.PrimaryKeyConstraint("user_id", "number", name=op.f("physical_keys_pkey")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column(
            "fence", sa.BigInteger(), nullable=False, comment="of the last holder that committed; only grows"
        ),
        sa.Column("last_event_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last_number >= 0 AND last_number < version", name=op.f("users_numbers_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="HMAC-SHA-256 of the key under the pepper"
        ),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("api_keys_organisation_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
    )
    op.create_index(op.f("api_keys_organisation_id_idx"), "api_keys", ["organisation_id"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("command_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("died_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["command_id"], ["commands.id"], name=op.f("dead_letters_command_id_fkey")),
        sa.PrimaryKeyConstraint("command_id", name=op.f("dead_letters_pkey")),
    )
    op.execute(_STORAGE + _TRIGGERS)


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing to go back to; drop the database instead")
