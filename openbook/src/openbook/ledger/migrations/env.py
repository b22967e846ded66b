"""Alembic's entry: runs the versions in ``versions/`` on the connection that ``database.py`` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
