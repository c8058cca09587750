"""Entries, their figures, and triggers that refuse to change or remove either."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the history is only added to'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the history is only added to'; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    """Make what is missing."""
    _entries()
    _figures()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(_POSTGRESQL_FUNCTION)
    for table in ("entry", "figure"):
        for verb in ("UPDATE", "DELETE"):
            op.execute((_SQLITE if is_sqlite else _POSTGRESQL).format(table=table, verb=verb))


def _entries() -> None:
    op.create_table(
        "entry",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("night", sa.Text),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("measured_at", sa.Text, nullable=False),
        sa.Column("bundle_sha256", sa.Text),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.create_index("entry_by_series", "entry", ["subject", "device", "measured_at"])


def _figures() -> None:
    op.create_table(
        "figure",
        sa.Column("entry", sa.Text, sa.ForeignKey("entry.sha256"), primary_key=True),
        sa.Column("runtime", sa.Text, primary_key=True),
        sa.Column("deployment", sa.Text, primary_key=True),
        sa.Column("cache", sa.Text, primary_key=True),
        sa.Column("packed_cache", sa.Boolean, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("median", sa.Float, nullable=False),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("is_valid", sa.Boolean, nullable=False),
    )
