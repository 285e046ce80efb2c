"""For operators: when a command was claimed, who may log in, what they did."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from keyledger.ledger.migrations.indexes import build_index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    build_index(
        "commands_retry_of_idx", "commands", ["retry_of"], postgresql_where=sa.text("retry_of IS NOT NULL")
    )
    build_index("dead_letters_died_ms_idx", "dead_letters", ["died_ms"])
    op.add_column(
        "commands",
        sa.Column("claimed_ms", sa.BigInteger(), comment="by its holder, on the Redis clock"),
    )
    op.create_table(
        "operators",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("password", sa.Text(), nullable=False, comment="scrypt, with its salt and its costs"),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False, comment="since a success"),
        sa.Column("locked_until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("operators_pkey")),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the token"),
        sa.Column("operator", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator"],
            ["operators.name"],
            name=op.f("operator_sessions_operator_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("operator_sessions_pkey")),
    )
    op.create_index(op.f("operator_sessions_operator_idx"), "operator_sessions", ["operator"])
    op.create_table(
        "operator_actions",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False, comment="a login, or cli:<account>"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="a lane, a command, an endpoint"),
        sa.Column("detail", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("operator_actions_pkey")),
    )


def downgrade() -> None:
    raise NotImplementedError("what operators did would be lost; restore a backup instead")
