"""Where entries are kept: the stores that come with the package, and how a URL finds one."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from typing import cast
from urllib.parse import unquote

from integration_logger.errors import ConfigurationError
from integration_logger.stores.base import Store

GROUP = "integration_logger.stores"  # entry points by URL scheme, each a callable from URL to Store
PREFIX = "integration_log_"
"""Begins the name of each table of ours."""


def open_store(store: str | Store) -> Store:
    """Return an opened store: the given one, or the one that the URL names."""
    opened = store_from_url(store) if isinstance(store, str) else store
    opened.open()
    return opened


def store_from_url(url: str) -> Store:
    """Return the store that a URL such as ``sqlite:///integration-logs.db`` names; nothing is opened yet."""
    scheme = re.match(r"([a-z][a-z0-9]*)(\+[a-z0-9_]+)?:", url)
    if not scheme:
        raise ConfigurationError(f"a store is a URL such as sqlite:///integration-logs.db, not {safe_url(url)!r}")
    name = scheme[1]
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        known = ", ".join(sorted({point.name for point in entry_points(group=GROUP)}))
        raise ConfigurationError(f"no store for {name!r}: the schemes installed are {known}")
    return cast(Store, found.load()(url))


def safe_url(url: str) -> str:
    """Return the URL as it may be shown and logged: without its password, however badly that is written."""
    shown = re.sub(r"(?<=://)([^/@:?]*):(?:[^?]*|.*)@", r"\1:***@", url, flags=re.DOTALL)
    return re.sub(r"([?&])([^=&]*)=([^&]*)", _without_value, shown)


def _without_value(parameter: re.Match[str]) -> str:
    start, name, value = parameter.groups()
    return f"{start}{name}={'***' if unquote(name).lower().endswith('password') else value}"


def include_object(object: object, name: str | None, type_: str, reflected: bool, compare_to: object) -> bool:
    """Have Alembic leave the log's tables alone that it finds beside the host's: ``context.configure`` takes this.

    Otherwise ``alembic revision --autogenerate`` proposes to drop them, as it does with all that is in the database
    and not in the host's metadata.
    """
    ours = type_ == "table" and (name or "").startswith(PREFIX)
    return not (ours and reflected and compare_to is None)
