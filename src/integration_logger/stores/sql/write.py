"""Everything that changes entries, each within the transaction of its caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select

from integration_logger import codec
from integration_logger.entry import Entry, InFlight
from integration_logger.stores.counting import status_class
from integration_logger.stores.sql import payload
from integration_logger.stores.sql.blocks import block_of, summarise, unfinished
from integration_logger.stores.sql.database import Database, Row
from integration_logger.stores.sql.rows import id_bytes, to_row
from integration_logger.stores.sql.schema import entries, in_flight, minutes, payloads

_IDS: Final = 1000  # in one statement
_LONGEST: Final = 200  # characters of a name that is a key as it is

MinuteKey = tuple[int, str, str, str, str]


class Prepared(NamedTuple):
    """An entry as it goes into the tables; encoded before the transaction, which shall be short."""

    row: Row
    payload: bytes | None
    abandoned: bool

    @property
    def id(self) -> bytes:
        """The key of the entry."""
        id: bytes = self.row[0]
        return id


def prepare(entry: Entry) -> Prepared:
    """Encode an entry."""
    return Prepared(to_row(entry), payload.pack(entry), entry.error_type == "abandoned")


def prepare_in_flight(row: InFlight) -> Row:
    """Encode a call in flight."""
    return id_bytes(row.entry.id), row.owner, codec.encode(row.entry)


def add(
    database: Database,
    connection: Connection,
    batch: Sequence[Prepared],
    begun: Iterable[Row] = (),
    ended: Iterable[bytes] = (),
) -> None:
    """Store entries that are not stored yet under the next ``seq`` numbers, and what is new of calls in flight."""
    fresh = _fresh(database, connection, batch)
    first = database.take_seqs(connection, len(fresh))
    rows = [(*row, seq) for seq, (row, _, _) in enumerate(fresh, first)]
    database.insert(connection, entries, rows)
    database.insert(connection, payloads, [(seq, data) for seq, (_, data, _) in enumerate(fresh, first) if data])
    _count(database, connection, _minutes(map(_counted_columns, rows)))
    _update_in_flight(database, connection, {new.id for new in batch}.union(ended), [*begun])
    for block in range(unfinished(first - 1), unfinished(first + len(fresh) - 1)):
        summarise(database, connection, block, rows)


def _fresh(database: Database, connection: Connection, batch: Sequence[Prepared]) -> Collection[Prepared]:
    """Leave out what is stored already, and take away what is replaced."""
    known = _known(database, connection, [new.id for new in batch])
    if not known and len({new.id for new in batch}) == len(batch):
        return batch
    fresh: dict[bytes, Prepared] = {}
    for new in batch:
        if old := known.get(new.id):
            if new.abandoned or not old.abandoned:
                continue
            if old.seq is not None:
                remove(database, connection, block_of(old.seq), entries.c.seq == old.seq)
            fresh.pop(new.id, None)
        known[new.id] = _Known(None, new.abandoned)
        fresh[new.id] = new
    return fresh.values()


class _Known(NamedTuple):
    seq: int | None  # None: in the same batch
    abandoned: bool


_newest: Final = select(entries.c.id).order_by(entries.c.id.desc()).suffix_with("LIMIT 1")


def _known(database: Database, connection: Connection, ids: Iterable[bytes]) -> dict[bytes, _Known]:
    found: dict[bytes, _Known] = {}
    newest = next((id for (id,) in database.fetch(connection, _newest, ())), b"")
    ids = [id for id in ids if id <= newest]  # ids ascend with time: most are new
    for start in range(0, len(ids), _IDS):
        some = ids[start : start + _IDS]
        for id, seq, error_type in database.stored(connection, some):
            found[id] = _Known(seq, error_type == "abandoned")
    return found


_in_flight_ids: Final = select(in_flight.c.id)


def _update_in_flight(database: Database, connection: Connection, over: set[bytes], begun: Sequence[Row]) -> None:
    if begun:
        stored = _known(database, connection, [row[0] for row in begun])
        database.upsert(connection, in_flight, [row for row in begun if row[0] not in stored])
    present = {id for (id,) in database.fetch(connection, _in_flight_ids, ())}
    if gone := present & over:
        connection.execute(delete(in_flight).where(in_flight.c.id.in_(gone)))


def remove(database: Database, connection: Connection, block: int, chosen: ColumnElement[bool]) -> tuple[int, int]:
    """Delete the chosen entries, all of one block, with all that was counted of them; return how many, and payloads."""
    gone = connection.execute(_counted.where(chosen)).all()
    if not gone:
        return 0, 0
    bodies = strip(connection, chosen)
    connection.execute(delete(entries).where(chosen))
    _count(database, connection, _minutes(gone), -1)
    refresh(database, connection, block)
    return len(gone), bodies


def strip(connection: Connection, chosen: ColumnElement[bool]) -> int:
    """Delete the payloads of the chosen entries; return how many."""
    among = payloads.c.seq.in_(select(entries.c.seq).where(chosen))
    return connection.execute(delete(payloads).where(among)).rowcount


def refresh(database: Database, connection: Connection, block: int) -> None:
    """Bring the summary of a block up to date after a change; the unfinished one has none."""
    if block != unfinished(database.last_seq(connection)):
        summarise(database, connection, block)


# --- the roll-up --------------------------------------------------------------------------------------

_COUNTED: Final = ("kind", "started_at", "tenant", "application", "status", "status_code")
_counted: Final = select(*(entries.c[name] for name in _COUNTED))
_counted_columns: Final[Callable[[Row], Row]] = itemgetter(*map(entries.c.keys().index, _COUNTED))


def _minutes(rows: Iterable[Row]) -> Counter[MinuteKey]:
    """Count entries under their minutes; audit entries, which no ordinary list shows, under none."""
    alike = Counter((kind, started_at // 60_000_000, *others) for kind, started_at, *others in rows)
    counts: Counter[MinuteKey] = Counter()
    for (kind, minute, tenant, application, status, code), count in alike.items():
        if kind != "audit":
            counts[minute, name_key(tenant), name_key(application), status, status_class(code)] += count
    return counts


def name_key(name: str | None) -> str:
    """Return a name as a part of a key, which takes no null, and nothing that is too long for an index."""
    if name is None:
        return "-"
    return f"+{name}" if len(name) <= _LONGEST else f"#{blake2b(name.encode()).hexdigest()}"


ANY: Final = "*"
"""Stands for all tenants and applications together: most readers see everything, and ask for a sum only."""


def _count(database: Database, connection: Connection, counts: Counter[MinuteKey], sign: int = 1) -> None:
    sums: Counter[MinuteKey] = Counter()
    for (minute, _, _, status, of_class), count in counts.items():
        sums[minute, ANY, ANY, status, of_class] += count
    rows = [(*key, sign * count) for key, count in (*counts.items(), *sums.items())]
    database.upsert(connection, minutes, rows, add=("entries",))
    if sign < 0:
        touched = {key[0] for key in counts}
        connection.execute(delete(minutes).where(minutes.c.minute.in_(touched), minutes.c.entries <= 0))
