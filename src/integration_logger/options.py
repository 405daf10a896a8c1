"""Reading the options of ``IntegrationLogger``: each function returns the value or says what to give instead."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Final

import platformdirs

from integration_logger.errors import ConfigurationError
from integration_logger.integrations import Integration, Integrations
from integration_logger.redaction import Redactor
from integration_logger.retention import Retention, read_period
from integration_logger.shipping.child import Job
from integration_logger.shipping.detectors import DETECTORS
from integration_logger.spool.segments import MAX_FRAME
from integration_logger.spool.writer import Spool, SpoolWriter
from integration_logger.stores import safe_url, store_from_url
from integration_logger.stores.base import Store

LARGEST_MAX_BODY: Final = MAX_FRAME // 4
"""Two bodies of this size and all the rest of an entry are not too large for the spool."""

_DAY: Final = 86_400
_LONGEST_NAME: Final = 200
_SQLITE: Final = "sqlite:///"
_PREFIX: Final = "INTEGRATION_LOGGER_"


def read_store(store: str | Store | None) -> Store:
    """Return the store; for None one in memory, which stays empty."""
    if store is None or isinstance(store, str):
        return store_from_url("memory:" if store is None else store)
    if not all(callable(getattr(store, name, None)) for name in ("open", "write", "search", "close")):
        raise ConfigurationError(f"store takes a URL such as sqlite:///integration-logs.db or a Store, not {store!r}")
    return store


def store_name(store: str | Store | None) -> str:
    """Return what a spool's manifest calls the store: its URL without password, the same from every folder."""
    url = store if isinstance(store, str) else getattr(store, "url", f"{type(store).__module__}.{type(store).__name__}")
    if path := _sqlite_path(url):
        return f"{_SQLITE}{path}"
    return _one_spelling(url)


def _one_spelling(url: str) -> str:
    """Return a URL without its password, and by the one name of those that PostgreSQL has."""
    return re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", safe_url(url))


def _sqlite_path(url: str) -> Path | None:
    path = url.removeprefix(_SQLITE).partition("?")[0] if url.startswith(_SQLITE) else ""
    return Path(path).absolute() if path else None


def read_spool(spool: str | os.PathLike[str] | Spool | None, store: str | Store | None) -> Spool | None:
    """Return the spool with its folder chosen, or None where entries stay in memory."""
    if spool is None or store is None:
        return None
    chosen = spool if isinstance(spool, Spool) else Spool(spool)
    folder = chosen.folder or default_folder(store)
    # absolute, because the host may go to another folder later
    return None if folder is None else Spool(folder.absolute(), max_bytes=chosen.max_bytes, fsync=chosen.fsync)


def make_writer(spool: Spool | None, store: str) -> SpoolWriter | None:
    """Return the writing end of a spool whose folder is chosen, or None where there is no spool."""
    if spool is None or spool.folder is None:
        return None
    return SpoolWriter(spool.folder, store, max_bytes=spool.max_bytes, fsync=spool.fsync is not None)


def default_folder(store: str | Store) -> Path | None:
    """Return where the spool of a store lies unless said otherwise: beside a SQLite file, else in the state folder.

    A store that does not say its URL has none, for another application's may not say it either.
    """
    url = store if isinstance(store, str) else getattr(store, "url", "memory:")
    if url.startswith("memory:"):
        return None
    if (path := _sqlite_path(url)) is not None:
        return path.with_name(f"{path.name}.spool")
    digest = hashlib.sha256(_one_spelling(url).encode()).hexdigest()[:16]
    return platformdirs.user_state_path("integration-logger") / digest


def read_retention(retention: Retention | str | None) -> Retention:
    if isinstance(retention, Retention):
        return retention
    if retention is None:
        return Retention()
    read_period(retention)
    return Retention(retention)


def read_max_body(value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_MAX_BODY:
        raise ConfigurationError(f"max_body takes a number of bytes up to {LARGEST_MAX_BODY}, not {value!r}")
    return value


def read_detectors(names: Sequence[str]) -> tuple[str, ...]:
    listed = None if isinstance(names, str) or not isinstance(names, Iterable) else [*names]
    if listed is None or not all(name in DETECTORS for name in listed):
        raise ConfigurationError(f"detectors takes a list of names out of {', '.join(DETECTORS)}, not {names!r}")
    return tuple(listed)


def read_redactor(redactor: Redactor | None) -> Redactor:
    if redactor is None:
        return Redactor()
    if not callable(getattr(redactor, "redact", None)):
        raise ConfigurationError(f"redact takes a Redactor, not {redactor!r}")
    return redactor


def read_seconds(name: str, value: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _DAY:
        raise ConfigurationError(f"{name} takes a number of seconds from 0 to {_DAY}, not {value!r}")
    return value


def read_job(
    ship: str | None,
    store: object,
    name: str,
    spool: Spool | None,
    retention: Retention,
    detectors: tuple[str, ...] = DETECTORS,
) -> Job | None:
    """Return what a process that ships must be told, or None where there can be none."""
    if isinstance(store, str) and spool is not None and spool.folder is not None:
        return Job(
            store=_absolute(store),
            name=name,
            folder=str(spool.folder),
            retention=retention.to_data(),
            detectors=detectors,
        )
    if ship == "process" and store is not None:
        raise ConfigurationError('ship="process" needs a store that is given as a URL, and a spool folder')
    return None


def _absolute(url: str) -> str:
    """Return the URL with the file's path from the root: another process is in another folder."""
    path = _sqlite_path(url)
    return url if path is None else f"{_SQLITE}{path}"


def read_external_ip(value: Any) -> Any:
    if value is not None and not isinstance(value, str) and not callable(value):
        raise ConfigurationError(f"external_ip takes an address, or a callable that returns one, not {value!r}")
    return value


def threads_run() -> bool:
    """Tell whether threads run all the time: in uWSGI without ``enable-threads`` they stand still between requests."""
    uwsgi = sys.modules.get("uwsgi")
    given = {} if uwsgi is None else {str(name, "latin-1") if isinstance(name, bytes) else name for name in uwsgi.opt}
    return uwsgi is None or not {"enable-threads", "threads"}.isdisjoint(given)


def one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise ConfigurationError(f"{name} takes {' or '.join(repr(word) for word in allowed)}, not {value!r}")
    return value


def read_integrations(values: Sequence[Integration] | None) -> Integrations | None:
    """Return what recognises integrations; for None nothing does."""
    if values is None:
        return None
    if not isinstance(values, list | tuple):
        raise ConfigurationError(f"integrations takes a list of Integration, not {values!r}")
    return Integrations(values)


def read_callables(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(values, list | tuple) or not all(callable(value) for value in values):
        raise ConfigurationError(f"{name} takes a list of callables, not {values!r}")
    return tuple(values)


def read_callback(callback: Any, name: str | None) -> tuple[str, Any]:
    """Return a callback of the host after the name under which it is known in all its processes."""
    if not callable(callback) or iscoroutinefunction(callback):
        raise ConfigurationError(f"on_run_finished takes a function that is not async, not {callback!r}")
    known = getattr(callback, "__qualname__", None)
    if name is None and (known is None or "<lambda>" in known):
        raise ConfigurationError("on_run_finished needs name= for a function without a name of its own")
    name = f"{callback.__module__}.{known}" if name is None else name
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise ConfigurationError(f"on_run_finished: name takes a text of 1 to {_LONGEST_NAME} characters, not {name!r}")
    return name, callback


def read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``INTEGRATION_LOGGER_*`` variables say, as arguments of ``IntegrationLogger``."""
    found = {name.removeprefix(_PREFIX): value for name, value in environ.items() if name.startswith(_PREFIX)}
    if unknown := found.keys() - {"STORE", "SPOOL", "RETENTION", "MAX_BODY"}:
        raise ConfigurationError(f"unknown environment variable {_PREFIX}{min(unknown)}")
    given: dict[str, Any] = {name.lower(): value for name, value in found.items() if value}
    if "max_body" in given:
        try:
            given["max_body"] = int(given["max_body"])
        except ValueError:
            raise ConfigurationError(f"{_PREFIX}MAX_BODY takes a whole number, not {given['max_body']!r}") from None
    return {"store": None} | given
