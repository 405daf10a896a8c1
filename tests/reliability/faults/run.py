"""Running one fault under load, and what came of every call."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import cache
from time import monotonic
from typing import Final, Literal

import msgspec

from integration_logger.health import Health
from tests.deadlines import eventually
from tests.postgresql import Server
from tests.reliability.faults.world import Call, Calls, Ship, World, answers, calls, wait_until, world

ARRIVES_WITHIN: Final = 45.0
"""Seconds within which everything has to be in the store after a recovery: a segment in use is left after 30."""
WELL_WITHIN: Final = 10.0
"""Seconds within which the log must say that all is well again."""
AFTERWARDS: Final = 0.5
"""Seconds for which calls go on after the recovery."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: what it does to a world while its context is entered."""

    name: str
    inject: Callable[[World], AbstractContextManager[object]]
    store: Literal["sqlite", "postgresql"] | None = None
    """The only one that it can happen to."""
    ship: Ship | None = None
    from_start: bool = False
    """It is there before the host is."""
    privileged: bool = True
    """False: the host is somebody whom the modes of files apply to."""
    poison: bool = False
    told_after: float | None = 1.5
    """Seconds after which the log says that something is wrong; None: it need not."""
    max_bytes: int = 1024**3
    """Of the spool; an eighth is a segment."""
    away: bool = False
    """The host itself is away for a while: its calls may break off, but those that were answered count."""
    drops: str | None = None
    """Why entries may be dropped."""

    def happens_to(self, store: str, ship: Ship) -> bool:
        return self.store in (None, store) and self.ship in (None, ship)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault did."""

    fault: str
    store: str
    ship: str
    requests: int
    different: int
    """Not answered as without us."""
    p99: float
    p99_bare: float
    lost: int
    """Answered, not stored, not counted as dropped, and not destroyed by the fault itself."""
    destroyed: int
    """Not stored, because the fault destroyed where they were."""
    dropped: dict[str, int]
    twice: int
    foreign: int
    """Stored, but never made."""
    arrived_after: float
    """Seconds from the recovery until everything had arrived."""
    problems: tuple[str, ...]
    """What the log said meanwhile."""
    wrong: tuple[str, ...]
    """What must not be."""


def run(fault: Fault, ship: Ship, server: Server | None, *, seconds: float, rate: float, bare: float = 0.0) -> Result:
    """Have a fault happen to a new world for so many seconds.

    The bare application is called before for ``bare`` seconds; for none its answers are those of an earlier time.
    """
    with world(ship, server, privileged=fault.privileged) as made:
        made.max_bytes = fault.max_bytes
        words = ("poison",) if fault.poison else ()
        reference = _bare_calls(made, rate, bare, words) if bare else _bare_calls_once(words)
        with calls(made.port, rate, *words) as load:
            watch = _Watch(made)
            if not fault.from_start:
                made.start()
                _settle(made, load)
            began = monotonic()
            with fault.inject(made):
                if fault.from_start:
                    made.start()
                    answers(made.port)
                    began = monotonic()
                _hold(watch, began + seconds)
                ended = monotonic()
            recovered = monotonic()
            wait_until(recovered + AFTERWARDS)
            load.end()
            arrived = _wait_for_all(made, load)
            health = _well_again(made)
            return _judge(fault, made, reference, load, (began, ended), arrived - recovered, watch.problems, health)


def _bare_calls(made: World, rate: float, seconds: float, words: tuple[str, ...]) -> list[Call]:
    """Return calls of the bare application, with what it answers."""
    settings = msgspec.structs.replace(made.settings(), store=None)
    made.start(settings)
    answers(made.port)
    with calls(made.port, rate, *words) as load:
        eventually(lambda: len(load.made) >= 32, 30)
        wait_until(monotonic() + seconds)
    made.end()
    return load.made


@cache
def _bare_calls_once(words: tuple[str, ...]) -> list[Call]:
    with world("thread", None) as made:
        return _bare_calls(made, 100.0, 0.5, words)


def _settle(made: World, load: Calls) -> None:
    eventually(lambda: len(load.answered) >= 50 and made.stored_if_there(), 30)


class _Watch:
    """Asks the log what is wrong."""

    def __init__(self, made: World) -> None:
        self.problems: dict[str, None] = {}
        self._world = made

    def look(self) -> None:
        with suppress(OSError, TimeoutError):
            self.problems.update(dict.fromkeys(self._world.health().problems))


def _hold(watch: _Watch, until: float) -> None:
    while monotonic() < until:
        wait_until(min(until, monotonic() + 0.5))
        if watch._world.host is not None:
            watch.look()


def _missing(made: World, load: Calls) -> set[str]:
    stored = made.stored_if_there()
    return {
        call.id for call in load.answered if call.id not in stored and call.began + call.seconds > made.destroyed_at
    }


def _wait_for_all(made: World, load: Calls) -> float:
    """Wait until all calls are in the store that are not counted as dropped or destroyed; return when that was."""
    deadline = monotonic() + ARRIVES_WITHIN
    while monotonic() < deadline:
        allowed = sum(made.health().dropped.values()) + made.frames_hit
        if len(_missing(made, load)) <= allowed:
            return monotonic()
        wait_until(monotonic() + 0.05)
    return monotonic()


def _well_again(made: World) -> Health:
    """Return how the log is once it says that all is well, or has not said so for long."""
    deadline = monotonic() + WELL_WITHIN
    while (health := made.health()).problems and monotonic() < deadline:
        wait_until(monotonic() + 0.05)
    return health


def _judge(
    fault: Fault,
    made: World,
    reference: list[Call],
    load: Calls,
    window: tuple[float, float],
    arrived_after: float,
    problems: dict[str, None],
    health: Health,
) -> Result:
    stored = made.stored()
    answered = load.answered
    missing = _missing(made, load)
    dropped = sum(health.dropped.values())
    all_missing = {call.id for call in answered} - stored.keys()
    result = Result(
        fault=fault.name,
        store="sqlite" if made.server is None else "postgresql",
        ship=made.ship,
        requests=len(load.made),
        different=_different(fault, reference, load.made),
        p99=p99([call for call in answered if window[0] <= call.began <= window[1]]),
        p99_bare=p99(reference),
        lost=max(0, len(missing) - dropped - made.frames_hit),
        destroyed=len(all_missing - missing) + max(0, min(made.frames_hit, len(missing) - dropped)),
        dropped=health.dropped,
        twice=sum(times - 1 for times in stored.values() if times > 1),
        foreign=len(stored.keys() - {call.id for call in load.made}),
        arrived_after=arrived_after,
        problems=tuple(problems),
        wrong=(),
    )
    if fault.drops is not None and len(missing) != dropped:
        return msgspec.structs.replace(result, wrong=(f"{len(missing)} are missing, and {dropped} counted as dropped",))
    return msgspec.structs.replace(result, wrong=tuple(_wrong(fault, result, health, window[1] - window[0])))


def _different(fault: Fault, reference: list[Call], made: list[Call]) -> int:
    expected: dict[int, set[str]] = defaultdict(set)
    for call in reference:
        expected[call.kind].add(call.answer)
    if fault.away:
        made = [call for call in made if call.answer != "-"]
    return sum(call.answer not in expected[call.kind] for call in made)


def p99(made: list[Call]) -> float:
    """Return the 99th of a hundred durations."""
    durations = sorted(call.seconds for call in made)
    return durations[int(len(durations) * 0.99)] if durations else 0.0


def _wrong(fault: Fault, result: Result, health: Health, seconds: float) -> Iterator[str]:
    for name in ("different", "lost", "twice", "foreign"):
        if number := getattr(result, name):
            yield f"{number} {name}"
    if set(result.dropped) - {fault.drops}:
        yield f"dropped: {result.dropped}"
    if result.dropped and {loss.reason for loss in health.losses} != {*result.dropped}:
        yield f"dropped, and the time is not told: {health.losses}"
    if fault.told_after is not None and seconds > fault.told_after and not result.problems and not result.dropped:
        yield "the log did not say that something was wrong"
    if health.problems:
        yield f"the log still says: {health.problems}"


def load_of_machine() -> float:
    """Return how many processes wanted to run in the last minute."""
    return os.getloadavg()[0]
