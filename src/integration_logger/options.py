"""Reading the options of ``IntegrationLogger``: each function returns the value or says what to give instead."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import platformdirs

from integration_logger.errors import ConfigurationError
from integration_logger.retention import Retention, read_period
from integration_logger.spool import Spool
from integration_logger.stores import safe_url
from integration_logger.stores.base import Store


def read_spool(spool: str | os.PathLike[str] | Spool | None, store: str | Store | None) -> Spool | None:
    """Return the spool with its folder chosen, or None where entries stay in memory."""
    if spool is None or store is None:
        return None
    chosen = spool if isinstance(spool, Spool) else Spool(spool)
    if chosen.folder is not None:
        return chosen
    folder = default_folder(store)
    return None if folder is None else Spool(folder, max_bytes=chosen.max_bytes, fsync=chosen.fsync)


def default_folder(store: str | Store) -> Path | None:
    """Return where the spool of a store lies unless said otherwise: beside a SQLite file, else in the state folder."""
    url = store if isinstance(store, str) else getattr(store, "url", "memory:")
    if url.startswith("memory:"):
        return None
    if url.startswith("sqlite:///") and (path := url.removeprefix("sqlite:///").partition("?")[0]):
        return Path(f"{path}.spool")
    digest = hashlib.sha256(safe_url(url).encode()).hexdigest()[:16]
    return platformdirs.user_state_path("integration-logger") / digest


def read_retention(retention: Retention | str | None) -> Retention:
    if isinstance(retention, Retention):
        return retention
    if retention is None:
        return Retention()
    read_period(retention)
    return Retention(retention)


def read_bytes(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"{name} takes a number of bytes, not {value!r}")
    return value


def read_whole_number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ConfigurationError(f"{name} takes a whole number, not {value!r}") from None


def one_of(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise ConfigurationError(f"{name} takes {' or '.join(repr(word) for word in allowed)}, not {value!r}")
    return value


def read_callables(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(values, list | tuple) or not all(callable(value) for value in values):
        raise ConfigurationError(f"{name} takes a list of callables, not {values!r}")
    return tuple(values)
