"""How a URL finds its store."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from integration_logger.errors import ConfigurationError
from integration_logger.stores import open_store, safe_url, store_from_url
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.sql import SQLStore


def test_a_scheme_names_a_store(tmp_path: Path) -> None:
    """The stores of the package, and any that is installed with an entry point."""
    assert isinstance(store_from_url("memory:"), MemoryStore)
    assert isinstance(store_from_url(f"sqlite:///{tmp_path}/a.db"), SQLStore)


def test_a_store_is_taken_as_it_is() -> None:
    """``open_store`` opens what it is given."""
    store = MemoryStore()
    assert open_store(store) is store


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:p@h@h/db", "%40"),
        ("postgresql://u:p/p@h/db", "%2F"),
        ("postgresql://u:p@[::1/db", "cannot be read"),
        ("postgresql://h:99999/db", "cannot be read"),
        ("postgresql://h:5432,h2:0/db", "cannot be read"),
        ("postgresql://h/db?nothing=1", "postgresql://user:password@host:5432/database"),
        ("mongodb://h", "memory, postgres, postgresql, sqlite"),
        ("log.db", "sqlite:///"),
        ("", "sqlite:///"),
        ("memory:x", "memory:"),
    ],
)
def test_an_unknown_url_says_what_to_do(url: str, says: str) -> None:
    """What to install, or how to write it."""
    with pytest.raises(ConfigurationError, match=says):
        store_from_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/db",
        "postgres://h/db",
        "postgresql+asyncpg://h/db",
        "postgres:///db",
        "postgresql://h:5432,h2/db",
    ],
)
def test_postgresql_is_written_as_hosts_write_it(url: str) -> None:
    """As libpq and SQLAlchemy do; the driver is ours in any case."""
    assert isinstance(store_from_url(url), SQLStore)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    for name in ("postgresql", "sessions"):
        monkeypatch.delitem(sys.modules, f"integration_logger.stores.sql.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'integration-logger\[postgresql\]'"):
        store_from_url("postgresql://u:p@h/db")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana:s3cret@h/db", "postgresql://ana:***@h/db"),
        ("postgresql://ana:s3@cr:et@h/db", "postgresql://ana:***@h/db"),
        ("postgresql://ana@h/db", "postgresql://ana@h/db"),
        ("postgresql://ana:s3%40cret@h:5432/db", "postgresql://ana:***@h:5432/db"),
        ("postgresql://ana:s3/cret@h/db", "postgresql://ana:***@h/db"),
        ("postgresql://ana:s3?cr@et@h/db", "postgresql://ana:***@h/db"),
        ("postgresql://:s3cret@h/db", "postgresql://:***@h/db"),
        ("postgresql+psycopg://ana:s3cret@/db?host=/run/a@b", "postgresql+psycopg://ana:***@/db?host=/run/a@b"),
        ("postgresql://ana:s3cret@[::1]:5432,h2:5433/db", "postgresql://ana:***@[::1]:5432,h2:5433/db"),
        ("postgresql://h/db?user=a&password=s3cret&x=1", "postgresql://h/db?user=a&password=***&x=1"),
        ("postgresql://h/db?pass%77ord=s3cret&sslpassword=t", "postgresql://h/db?pass%77ord=***&sslpassword=***"),
        ("sqlite:////var/a:b@c.db", "sqlite:////var/a:b@c.db"),
        ("memory:", "memory:"),
    ],
)
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    """Everything else stays readable."""
    assert safe_url(url) == shown
