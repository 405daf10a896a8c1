"""Followers of the store: each sees every entry once it is stored, from its own place in the log, across restarts.

The place is a ``seq`` in State. Of all processes that have an observer of a name, the one with its lease runs it, so
that each entry is seen by one. The place is noted after what was seen: who dies in between has it seen once more by
the next holder, so an observer must bear an entry twice, and can tell by its id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.query import EVERYTHING, MAX_LIMIT, Query
from integration_logger.shipping.threads import Worker
from integration_logger.stores.base import Store
from integration_logger.stores.integration_health import forget, observe_entries
from integration_logger.stores.state import ABSENT
from integration_logger.trouble import Trouble, describe

LEASE_SECONDS: Final = 10.0
"""After so long without renewal another process goes on."""
POLL: Final = 0.5
"""Seconds between two looks at the store."""
LONGEST_PAUSE: Final = 60.0
"""Seconds until an observer that keeps failing is tried once more, after doubling from ``POLL``."""
NOTE_EVERY: Final = 5000
"""Entries that an observer may pass over, because they do not concern it, before its place is noted anew."""
MOST_ABANDONED: Final = 500
"""Entries of dead processes that are remembered: their true end may come later, under the same id."""
LOOK_BACK: Final = 10_000
"""Entries that integration health looks back over when it is new."""
HEALTH_POLL: Final = 5.0
SHARE: Final = 0.05
"""The part of one processor that integration health takes at most, whatever passes."""
_BEYOND_ALL: Final = 2**62
ALL_ENTRIES: Final = Query(scope=EVERYTHING, limit=MAX_LIMIT, order="asc")
FORGET_EVERY: Final = 3600.0
"""Seconds between two looks at which tenants were not heard of for long."""


class Observer(Protocol):
    """What follows the store under a name of its own."""

    name: str
    """The same in all processes and versions: the place in the log is noted under it."""
    query: Query
    """What it wants to see, in ascending order."""
    batch: int
    """Entries after which its place is noted."""
    pause: float
    """Seconds between two looks."""

    def begin(self, store: Store) -> int:
        """Return the ``seq`` to begin after, where nobody has noted a place yet."""
        ...

    def observe(self, store: Store, entries: Sequence[Entry]) -> None:
        """See entries, as lists show them, in order; may raise, and sees the same again later then."""
        ...


class Place(msgspec.Struct, frozen=True):
    """How far an observer has come."""

    seq: int
    abandoned: tuple[str, ...] = ()
    """Ids of the newest entries seen that may come once more, when their process was not dead but cut off."""


class Observers:
    """The observers of one process: a thread for each, and one that keeps their leases."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self.errors = 0
        """Times that one of them failed."""
        self._registered: dict[str, Observer] = {}
        self._followers: dict[str, Follower] = {}
        self._keeper: Worker | None = None
        self._lock = threading.RLock()
        """Handlers of signals, and what the garbage collector ends, may interrupt who holds it."""

    def add(self, observer: Observer) -> None:
        """Register an observer; it begins at once where the others run. Raises for a name that is taken."""
        with self._lock:
            if observer.name in self._registered:
                raise ConfigurationError(f"there is an observer of the name {observer.name!r} already: give name=")
            self._registered[observer.name] = observer
            if self._keeper is not None:
                self._begin(observer)

    def start(self) -> None:
        """Start all; raises ``RuntimeError`` where the system has no thread left."""
        with self._lock:
            if self._keeper is None:
                self._keeper = Worker("observer-leases", self._renew)
                self._keeper.start()
                for observer in self._registered.values():
                    self._begin(observer)

    def _begin(self, observer: Observer) -> None:
        follower = Follower(observer, self._store, self._owner, self._failed)
        follower.begin_at = monotonic() + observer.pause
        follower.worker.start()
        self._followers[observer.name] = follower

    def _failed(self) -> None:
        with self._lock:
            self.errors += 1

    def _renew(self) -> float:
        for follower in [*self._followers.values()]:
            follower.renew()
        return LEASE_SECONDS / 4

    def stop(self) -> None:
        """Have all end after what they see now; ``join`` waits for that."""
        with self._lock:
            for worker in self._workers():
                worker.stop()

    def join(self, ends_at: float) -> bool:
        """Wait until all have ended; return whether they have, by that time of the monotonic clock."""
        ended = [worker.join(max(0.0, ends_at - monotonic())) for worker in self._workers()]
        self._followers, self._keeper = {}, None
        return all(ended)

    def _workers(self) -> Iterator[Worker]:
        if self._keeper is not None:
            yield self._keeper
        yield from (follower.worker for follower in self._followers.values())

    @property
    def behind(self) -> dict[str, float]:
        """The observers that this process runs now, and for how many seconds each has been behind."""
        return {name: follower.behind for name, follower in [*self._followers.items()] if follower.is_held}

    @property
    def troubles(self) -> list[str]:
        """What is wrong now, in words."""
        return [text for f in [*self._followers.values()] if (text := f.trouble.text) is not None]

    def after_fork(self, owner: str) -> None:
        """In a forked child: the threads are the parent's."""
        self._lock = threading.RLock()
        self._owner, self._followers, self._keeper = owner, {}, None
        self.errors = 0


class Follower:
    """One observer on its way through the log."""

    def __init__(self, observer: Observer, store: Store, owner: str, failed: Callable[[], None]) -> None:
        self.observer = observer
        self.worker = Worker(f"observer-{observer.name}", self.step, self.release)
        self.trouble = Trouble()
        self._count_failure = failed
        self._store = store
        self._owner = owner
        self._key = f"observer/{observer.name}"
        self._held_until = 0.0
        self.begin_at = 0.0
        """A process that ends within moments does not take what it will not hold."""
        self._seen: int | None = None
        """The ``seq`` up to which nothing concerns the observer, noted or not; None where the note says it."""
        self._clear_at = monotonic()
        self._pause = POLL
        self._lock = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether this is the process that runs the observer."""
        return monotonic() < self._held_until

    @property
    def behind(self) -> float:
        """Seconds since all had been seen that was stored; 0 within what two looks take."""
        seconds = monotonic() - self._clear_at
        return 0.0 if seconds < 2 * self.observer.pause + 1 else float(round(seconds))

    def step(self) -> float:
        """Go on as far as there is something; return the seconds until the next look."""
        if (early := self.begin_at - monotonic()) > 0:
            return early
        try:
            if not self.is_held and not self._take():
                return LEASE_SECONDS / 2
            began = monotonic()
            more = self._follow()
        except BaseException as error:  # a callback may raise anything
            return self._failed(error)
        self.trouble.end()
        self._pause = POLL
        if more:
            return 0
        self._clear_at = monotonic()
        return max(self.observer.pause, (monotonic() - began) / SHARE if self.observer.batch > 1 else 0)

    def _failed(self, error: BaseException) -> float:
        if not isinstance(error, StoreError):  # that one is told of by the shipper
            self._count_failure()
            self.trouble.warn("an observer failed, and is tried again: %s", f"{self.observer.name}: {describe(error)}")
        self._seen = None
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return self._pause

    # --- the lease ----------------------------------------------------------------------------------

    def _take(self) -> bool:
        self._seen = None
        self._store.open()
        self._lease()
        self._clear_at = monotonic()
        return self.is_held

    def renew(self) -> None:
        """Keep the lease while the observer is at work; never raises."""
        try:
            if self.is_held:
                self._lease()
        except Exception:  # it runs out then, and another process may take it
            return

    def _lease(self) -> None:
        with self._lock:
            asked_at = monotonic()
            token = self._store.state.lease(self._key, self._owner, LEASE_SECONDS)
            self._held_until = 0.0 if token is None else asked_at + LEASE_SECONDS * 0.8

    def release(self) -> None:
        """Let another process go on at once."""
        with self._lock:
            if self.is_held:
                self._held_until = 0.0
                self._store.state.lease(self._key, self._owner, 0)

    # --- the way through the log --------------------------------------------------------------------

    def _follow(self) -> bool:
        """See one page; return whether more may follow."""
        place, noted = self._read_place()
        query = replace(self.observer.query, cursor=max(place.seq, self._seen or 0))
        page = self._store.search(query)
        entries = [entry for entry in page.entries if entry.id not in place.abandoned]
        for start in range(0, len(entries), self.observer.batch):
            some = entries[start : start + self.observer.batch]
            if not self.is_held or self.worker.is_stopping:
                return False
            self.observer.observe(self._store, some)
            place, noted = self._note(_beyond(place, some), noted)
        self._seen = max(place.seq, page.next_cursor or 0)
        if self._seen - place.seq >= NOTE_EVERY:
            self._note(replace(place, seq=self._seen), noted)
        return page.has_more

    def _read_place(self) -> tuple[Place, bytes]:
        noted = self._store.state.get(self._key)
        if noted is None:
            place = Place(self.observer.begin(self._store))
            noted = msgspec.json.encode(place)
            if not self._store.state.put(self._key, noted, expected=ABSENT):
                raise StoreError("another process has begun")
            return place, noted
        place = msgspec.json.decode(noted, type=Place)
        if self._seen is None and place.seq > newest_seq(self._store):  # the store was begun anew
            place = Place(0)
        return place, noted

    def _note(self, place: Place, noted: bytes) -> tuple[Place, bytes]:
        new = msgspec.json.encode(place)
        if not self._store.state.put(self._key, new, expected=noted):
            self._held_until = 0.0
            raise StoreError("another process has gone on")
        return place, new


def _beyond(place: Place, seen: Sequence[Entry]) -> Place:
    abandoned = (*place.abandoned, *(e.id for e in seen if e.error_type == "abandoned"))
    return Place(max(place.seq, *(e.seq or 0 for e in seen)), abandoned[-MOST_ABANDONED:])


# --- integration health ----------------------------------------------------------------------


class IntegrationHealth:
    """Keeps count of how the integrations do."""

    name = "integration-health"
    batch = MAX_LIMIT
    pause = HEALTH_POLL
    query = ALL_ENTRIES

    def begin(self, store: Store) -> int:
        """Begin with the newest of what is there."""
        return max(0, newest_seq(store) - LOOK_BACK)

    def __init__(self) -> None:
        self._forget_at = 0.0

    def observe(self, store: Store, entries: Sequence[Entry]) -> None:
        """Count."""
        observe_entries(store.state, entries)
        if monotonic() >= self._forget_at:
            self._forget_at = monotonic() + FORGET_EVERY
            forget(store.state, datetime.now(UTC))


def newest_seq(store: Store) -> int:
    """Return the highest ``seq`` that was ever given: the newest entries may have been deleted."""
    return store.search(replace(ALL_ENTRIES, cursor=_BEYOND_ALL)).next_cursor or 0
