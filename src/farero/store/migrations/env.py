"""What Alembic runs: our connection, inside the transaction that the caller has begun and will end."""

from __future__ import annotations

from alembic import context

from farero.store.tables import metadata
from farero.store.upgrade import REVISION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=REVISION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite changes a column by copying its table
)
with context.begin_transaction():
    context.run_migrations()
