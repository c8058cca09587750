"""Runs the migrations on the connection that `database.migrate` gives, in its transaction."""

from alembic import context

from taskzip.benchmarks.history.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
