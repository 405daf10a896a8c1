"""The tables of the SQL store.

``entries`` is narrow: all that lists show and filters compare. What only the detail of an entry needs lies
in ``payloads``, one blob each. ``blocks`` and ``terms`` summarise every thousand entries and stand in for an
index on each filter (see ``blocks.py``); ``minutes`` answers counts by time.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table
from sqlalchemy import Text as AnyText

from integration_logger.stores import PREFIX

VERSION: Final = 1
"""Version of the schema, kept in the table ``version``."""

metadata = MetaData()

# SQLite numbers rows by itself only where the type is spelled INTEGER.
_Seq = BigInteger().with_variant(Integer, "sqlite")

# Compared byte by byte, whatever the language of the database: faster, and the same everywhere.
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")

version = Table(f"{PREFIX}version", metadata, Column("version", Integer, nullable=False))

entries = Table(
    f"{PREFIX}entries",
    metadata,
    Column("id", LargeBinary(16), nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),  # all times: microseconds since 1970
    Column("status", Text, nullable=False),
    Column("transaction_id", Text, nullable=False),  # "=" where it is the id, as in trace_id
    Column("attempt", BigInteger, nullable=False),
    Column("parent_id", Text),
    Column("trace_id", Text),
    Column("tenant", Text),
    Column("application", Text),
    Column("integration", Text),
    Column("operation", Text),
    Column("log_type", Text),
    Column("user_id", Text),
    Column("labels", Text),  # JSON, as errors, request, response and run; null where empty
    Column("status_code", BigInteger),
    Column("error_type", Text),
    Column("phase", Text),
    Column("errors", Text),
    Column("has_errors", Boolean(create_constraint=False), nullable=False),
    Column("first_byte", BigInteger),  # microseconds, as duration
    Column("duration", BigInteger),
    Column("method", Text),
    Column("url", Text),
    Column("host", Text),
    Column("route", Text),
    Column("http_version", Text),
    Column("client_ip", Text),
    Column("server_host", Text),
    Column("request", Text),  # size, content type and so on, without headers and body
    Column("response", Text),
    Column("run", Text),
    Column("expires_at", BigInteger),
    Column("bodies_expire_at", BigInteger),
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    sqlite_autoincrement=True,  # a seq is never given twice, even after its row was purged
)

payloads = Table(
    f"{PREFIX}payloads",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

in_flight = Table(
    f"{PREFIX}in_flight",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

blocks = Table(
    f"{PREFIX}blocks",
    metadata,
    Column("block", _Seq, primary_key=True, autoincrement=False),
    Column("entries", BigInteger, nullable=False),
    Column("first_started", BigInteger, nullable=False),
    Column("last_started", BigInteger, nullable=False),
    Column("min_duration", BigInteger, nullable=False),  # -1 where an entry has none
    Column("max_duration", BigInteger, nullable=False),
    Column("expires_at", BigInteger),  # the earliest
    Column("bodies_expire_at", BigInteger),  # the earliest of those that still have a payload
)

terms = Table(
    f"{PREFIX}terms",
    metadata,
    Column("block", BigInteger, primary_key=True),
    Column("term", BigInteger, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

minutes = Table(
    f"{PREFIX}minutes",
    metadata,
    Column("minute", BigInteger, primary_key=True),  # since 1970
    Column("tenant", Text, primary_key=True),  # "+name", or "-" for none: keys take no null
    Column("application", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("status_class", Text, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

counter = Table(f"{PREFIX}counter", MetaData(), Column("seq", BigInteger, nullable=False))
"""The last ``seq``, in a row that a writer locks until its commit. For databases that do not count by themselves."""

state = Table(
    f"{PREFIX}state",
    metadata,
    Column("sort", Text, primary_key=True),  # value, claim or lease
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary),
    Column("owner", Text),
    Column("token", BigInteger),
    Column("ends_at", BigInteger),
)
