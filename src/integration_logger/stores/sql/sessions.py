"""Sessions with PostgreSQL: how they begin, what they wait for, and what is told of their errors."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar, cast
from weakref import WeakSet

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.stores import safe_url

CONNECT: Final = 5  # seconds to wait for a connection
LOCK: Final = 10  # for another writer
STATEMENT: Final = 30  # for the end of a statement
ANSWER: Final = (
    40  # for any answer at all: a server that was suspended keeps its connections, and no timeout of its own
)
IDLE: Final = 60  # that a transaction may be idle: the process is suspended, and others wait for its lock


T = TypeVar("T")


def read_options(url: str) -> dict[str, Any]:
    """Return what the driver takes; the URL is one of libpq's, and may say anything that those can."""
    plain = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url)
    try:
        given = conninfo_to_dict(plain)
    except psycopg.Error:
        given = None
    if given is None or re.match(r"postgresql://[^/?]*/[^?]*@", plain) or not _is_address(given):
        raise ConfigurationError(
            f"{safe_url(url)!r} cannot be read: write postgresql://user:password@host:5432/database, "
            "with %40 for @, %3A for :, %2F for / and %3F for ? in each of the words"
        )
    ours = {
        "connect_timeout": CONNECT,
        "application_name": "integration-logger",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    return {**ours, **given, "client_encoding": "utf8"}


def _is_address(given: Mapping[str, Any]) -> bool:
    ports = str(given.get("port") or "5432").split(",")
    return "@" not in str(given.get("host", "")) and all(not p or (p.isdecimal() and 0 < int(p) < 65536) for p in ports)


class Session(psycopg.Connection[Any]):
    """A connection that does not wait for ever: one to a suspended server looks as if all were well."""

    def __del__(self, *_: object) -> None:
        """Say nothing: connections of the pool end with the process, and inherited ones are the parent's."""

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        return super().wait(self._impatient(gen), *args, **options)

    def _impatient(self, gen: PQGen[T]) -> PQGen[T]:
        deadline = time.monotonic() + ANSWER
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has not answered for {ANSWER} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast(T, end.value)


def connect(options: Mapping[str, Any]) -> Session:
    """Begin a session."""
    session = Session.connect(**options, autocommit=True, prepare_threshold=None)
    _sessions.add(session)
    session.execute(
        "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
        " set_config('idle_in_transaction_session_timeout', %s, false)",
        [f"{seconds}s" for seconds in (STATEMENT, LOCK, IDLE)],
    )
    return session


# --- errors -------------------------------------------------------------------------------------------

_DATA_CLASSES: Final = ("22", "23", "54")
"""Of error codes: values that do not fit, that a constraint refuses, that are too large."""


def store_error(error: Exception, options: Mapping[str, Any]) -> StoreError:
    """Return the error as one of ours, with neither the password nor what the server quotes of refused values."""
    code = error.sqlstate if isinstance(error, psycopg.Error) else None
    if isinstance(error, psycopg.Error) and code is not None:
        refused = code[:2] in _DATA_CLASSES
        text = type(error).__name__ if refused else error.diag.message_primary
        return StoreError(f"{text} ({code})", data_error=refused)
    text = str(error)
    for secret in ("password", "sslpassword"):
        if hidden := options.get(secret):
            text = text.replace(hidden, "***")
    return StoreError(text, data_error=isinstance(error, psycopg.DataError))


# --- forks --------------------------------------------------------------------------------------------

_sessions: WeakSet[Session] = WeakSet()
_inherited: Final[list[Session]] = []
"""Sessions of the parent, never let go of in its forked children: that would close what they no longer have."""


def give_up_inherited() -> None:
    """In a forked child: leave its sessions to the parent.

    Their sockets are given up, because a session ends with the last process that has its socket: if the parent were
    killed in a transaction, the locks would outlive it. Nobody is told, and the numbers of the sockets stay taken,
    so that nothing can be written into something else by what still believes in them.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for session in [*_sessions]:
        _inherited.append(session)
        with suppress(psycopg.Error):
            os.dup2(null, session.fileno(), inheritable=False)
    os.close(null)
    _sessions.clear()
