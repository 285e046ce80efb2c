"""Alembic's entry: runs the migrations on the connection that `migrate` hands over, a transaction each."""

from alembic import context

from keyledger.ledger.operator_schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
