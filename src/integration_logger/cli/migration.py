"""Tables of a store: made now, or as SQL for who may make them."""

from __future__ import annotations

from contextlib import closing

from integration_logger.errors import ConfigurationError
from integration_logger.stores import safe_url, store_from_url
from integration_logger.stores.sql import SQLStore


def migrate(url: str) -> str:
    """Create or upgrade the tables; return what is there now."""
    with closing(store_from_url(url)) as store:
        store.open()
        info = store.info()
    return f"{info.url} has the tables of version {info.version}"


def script(url: str) -> str:
    """Return the SQL that does so in an empty database; nobody is connected to."""
    store = store_from_url(url)
    if not isinstance(store, SQLStore):
        raise ConfigurationError(f"{safe_url(url)} has no tables")
    return store.script()
