"""A logger that has recorded every secret in every place by entries of every kind, and all that can be read of it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import httpx
from msgspec.structs import replace

from integration_logger import ALL, IntegrationLogger, Principal
from integration_logger.entry import KINDS, Entry, InFlight, Kind, Run
from integration_logger.ids import new_id
from integration_logger.query import EVERYTHING, Query
from tests.redaction.canaries import Secret
from tests.redaction.packing import Packed, pack
from tests.redaction.test_faults import Ready

PACKED = [*pack()]
FEW = 3


class UnderWay(Ready):
    """A call that has not ended, with all that could ever be told of it."""

    __slots__ = ()

    def so_far(self) -> Entry:
        return replace(self.entry, status="processing")


@dataclass
class Site:
    """One logger, with its store."""

    log: IntegrationLogger
    folder: Path
    url: str
    sent: dict[str, Packed] = field(default_factory=dict)
    """By the id of the entry."""
    in_flight: dict[str, Packed] = field(default_factory=dict)
    spooled: list[bytes] = field(default_factory=list)
    said: list[logging.LogRecord] = field(default_factory=list)
    """By whatever logged something."""
    readers: Iterator[int] = field(default_factory=count)

    @property
    def some(self) -> list[str]:
        """Ids that together have every secret in every place, each once and of another kind than the one before."""
        kinds: dict[int, list[str]] = {}
        for each, packed in self.sent.items():
            kinds.setdefault(id(packed), []).append(each)
        return [ids[number % len(ids)] for number, ids in enumerate(kinds.values())]

    @property
    def entries(self) -> list[Entry]:
        """All that the store has, those of audits included."""
        queries = (Query(scope=EVERYTHING, order="asc"), Query.parse([("kind", "audit")], EVERYTHING))
        return [entry for query in queries for entry in self.log.store.stream(query)]

    def owner(self, _: object = None) -> Principal:
        """Return somebody who may see all, another one each time: nobody may ask for so much at once."""
        return Principal(f"ana {next(self.readers)}", role="owner", tenants=ALL)

    def get(self, paths: Iterable[str], app: Any = None) -> list[httpx.Response]:
        """Return the answers of the log browser, or of another app."""
        app = app or self.log.viewer(authorize=self.owner)

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
                return [await client.get(path) for path in paths]

        return anyio.run(ask)


class _Listening(logging.Handler):
    def __init__(self, said: list[logging.LogRecord]) -> None:
        super().__init__(logging.DEBUG)
        self.emit = said.append  # type: ignore[method-assign,assignment]


@contextmanager
def listening(site: Site) -> Iterator[None]:
    """Keep all that is logged meanwhile."""
    root, handler = logging.getLogger(), _Listening(site.said)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextmanager
def made(url: str, folder: Path, kinds: Iterable[tuple[Packed, Kind]], redact: Any = None) -> Iterator[Site]:
    """Record the secrets by entries of these kinds, ship them, and leave one entry of each in flight."""
    with closing(IntegrationLogger(url, spool=folder / "spool", redact=redact, ship=None)) as log:
        site = Site(log, folder, url)
        with listening(site):
            for packed, kind in kinds:
                capture = Ready(_told(packed, kind))
                log.recorder.record(capture)
                site.sent[capture.entry.id] = packed
            site.spooled = [path.read_bytes() for path in folder.rglob("*.seg")]
            while log._shipper.ship():
                pass
            log.store.open()
            log.store.write([], in_flight=_under_way(site))
            yield site


def _told(packed: Packed, kind: Kind) -> Entry:
    entry = packed.entry(kind)
    if kind != "run" or entry.log_type is not None:
        return entry
    return replace(entry, log_type="pipeline", run=entry.run or Run(job_id="7"), labels={**entry.labels, "job_id": "7"})


def _under_way(site: Site) -> Iterator[InFlight]:
    """Yield one call under way for each secret: readers look at all of them with every question."""
    for number, packed in enumerate({packed.secret: packed for packed in reversed(PACKED)}.values()):
        entry = site.log.recorder.so_far(UnderWay(_told(packed, KINDS[number % len(KINDS)])))
        site.in_flight[entry.id] = packed
        yield InFlight(owner=OWNER, entry=entry)


OWNER = new_id()


def of_every_kind() -> Iterator[tuple[Packed, Kind]]:
    """Yield every secret in every place with every kind."""
    return ((packed, kind) for kind in KINDS for packed in PACKED)


def of_each_secret() -> Iterator[tuple[Packed, Kind]]:
    """Yield every secret in some places with every kind, and all places of runs."""
    found: Counter[Secret] = Counter()
    for packed in PACKED:
        found[packed.secret] += 1
        if found[packed.secret] <= FEW:
            yield from ((packed, kind) for kind in KINDS)
    yield from ((packed, "run") for packed in PACKED if "run" in packed.fields)
