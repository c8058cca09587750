"""The tables. `entry.line` holds everything; the other columns and tables are read from it."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

METADATA = MetaData()

ENTRY = Table(
    "entry",
    METADATA,
    Column("sha256", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reference", Text),
    Column("night", Text),
    Column("device", Text, nullable=False),
    Column("measured_at", Text, nullable=False),
    Column("bundle_sha256", Text),
    Column("line", Text, nullable=False),
)
FIGURE = Table(
    "figure",
    METADATA,
    Column("entry", Text, ForeignKey("entry.sha256"), primary_key=True),
    Column("runtime", Text, primary_key=True),
    Column("deployment", Text, primary_key=True),
    Column("cache", Text, primary_key=True),
    Column("packed_cache", Boolean, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("median", Float, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("is_valid", Boolean, nullable=False),
)
Index("entry_by_series", ENTRY.c.subject, ENTRY.c.device, ENTRY.c.measured_at)
