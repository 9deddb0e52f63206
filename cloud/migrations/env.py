"""What Alembic runs for each command; it takes the connection it is given and opens none.

Rule: the models' metadata is what migrations are compared with; SQLite alters tables by copying them (batch
mode).
"""

from alembic import context
from sqlmodel import SQLModel

import cloud.store.access_tables
import cloud.store.asset_tables
import cloud.store.case_tables
import cloud.store.order_tables
import cloud.store.release_tables
import cloud.store.tables  # noqa: F401 - fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
