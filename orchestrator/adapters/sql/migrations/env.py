"""What Alembic runs for every command; ``migrate.py`` gives the connection, in a transaction."""

from __future__ import annotations

from alembic import context

from orchestrator.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters tables by rebuilding them
)
with context.begin_transaction():
    context.run_migrations()
