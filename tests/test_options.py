"""The options of a logger: each value is taken as documented, or refused with what to give instead."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from integration_logger import IntegrationLogger, Retention, Spool, options
from integration_logger.errors import ConfigurationError
from integration_logger.stores.memory import MemoryStore
from integration_logger.stores.sql import SQLStore


class Elsewhere(MemoryStore):
    """A store of somebody else that says where it is."""

    url = "elsewhere://ana:hunter2@db.example.com/log"


# --- where the spool lies -----------------------------------------------------------------------------


def test_the_spool_of_a_sqlite_file_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder has the name of the file with .spool added, wherever the process goes later."""
    monkeypatch.chdir(tmp_path)
    assert options.default_folder("sqlite:////srv/log.db") == Path("/srv/log.db.spool")
    assert options.default_folder("sqlite:///log.db") == tmp_path / "log.db.spool"
    spool = options.read_spool(Spool(), "sqlite:///log.db")
    monkeypatch.chdir("/")
    assert spool is not None
    assert spool.folder == tmp_path / "log.db.spool"


def test_the_spool_of_another_store_lies_in_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each store has a folder of its own there, which a changed password does not change."""
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    folder = options.default_folder("postgresql://ana:hunter2@db/log")
    assert folder is not None
    assert folder.parent == Path("/srv/state/integration-logger")
    assert folder == options.default_folder("postgresql://ana:other@db/log")
    assert folder != options.default_folder("postgresql://ana:hunter2@db/other")
    assert folder == options.default_folder("postgres://ana:hunter2@db/log")
    assert folder == options.default_folder("postgresql+psycopg://ana:hunter2@db/log")
    assert options.default_folder(Elsewhere()) == options.default_folder(Elsewhere.url)


@pytest.mark.parametrize("store", ["memory:", "memory://", MemoryStore()])
def test_some_stores_have_no_spool(store: Any) -> None:
    """A store in memory needs none, and one that does not say where it is gets none that another might share."""
    assert options.read_spool(Spool(), store) is None


def test_a_given_folder_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes before the default one, as a path or in a Spool, and is absolute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    for given, folder in (
        ("spool", tmp_path / "spool"),
        (Path("spool"), tmp_path / "spool"),
        (Spool("/srv/spool"), Path("/srv/spool")),
        ("~/spool", Path("/home/ana/spool")),
    ):
        spool = options.read_spool(given, MemoryStore())
        assert spool is not None
        assert spool.folder == folder


def test_the_other_values_of_a_spool_are_kept() -> None:
    """Choosing the folder changes neither the bound nor the syncs."""
    spool = options.read_spool(Spool(max_bytes=5000, fsync=0.5), "sqlite:////srv/log.db")
    assert spool is not None
    assert (spool.max_bytes, spool.fsync) == (5000, 0.5)


@pytest.mark.parametrize("store", [None, "sqlite:////srv/log.db"])
def test_no_spool(store: str | None) -> None:
    """Without a store, or where none is wanted, there is no spool."""
    assert options.read_spool(None if store else Spool(), store) is None


def test_one_store_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest calls a SQLite file by its whole path, however the URL is written, and no password is in it."""
    monkeypatch.chdir(tmp_path)
    assert options.store_name("sqlite:///log.db") == options.store_name(f"sqlite:///{tmp_path}/log.db")
    assert "hunter2" not in options.store_name("postgresql://ana:hunter2@db/log")
    assert "hunter2" not in options.store_name(Elsewhere())
    assert options.store_name(MemoryStore()) == "integration_logger.stores.memory.MemoryStore"


# --- wrong values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"store": 5}, "store"),
        ({"store": object()}, "store"),
        ({"store": ""}, "store"),
        ({"store": "log.db"}, "sqlite:///"),
        ({"store": "strange://x"}, "strange"),
        ({"spool": 5}, "folder"),
        ({"redact": True}, "redact"),
        ({"processors": len}, "processors"),
        ({"processors": [5]}, "processors"),
        ({"labels": 5}, "labels"),
        ({"retention": "for ever"}, "30 days"),
        ({"retention": 5}, "30 days"),
        ({"max_body": -1}, "max_body"),
        ({"max_body": "64"}, "max_body"),
        ({"max_body": True}, "max_body"),
        ({"max_body": 2**30}, "max_body"),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies"),
        ({"ship": "process"}, "ship"),
        ({"ship": True}, "ship"),
        ({"ship": ["thread"]}, "ship"),
    ],
)
def test_wrong_values_raise_at_once(given: dict[str, Any], name: str) -> None:
    """A wrong value raises ConfigurationError, which names the option or says what to give."""
    with pytest.raises(ConfigurationError, match=name):
        IntegrationLogger(**{"store": "memory:", **given})


def test_retention_is_read() -> None:
    """Retention may be a Retention, or a period in words or as a timedelta."""
    given = Retention("7 days")
    assert options.read_retention(given) is given
    assert options.read_retention(None).longest == timedelta(days=30)
    assert options.read_retention("7 days").longest == timedelta(days=7)
    assert options.read_retention(timedelta(days=7)).longest == timedelta(days=7)


def test_a_given_store_is_taken(tmp_path: Path) -> None:
    """A Store is used as it is."""
    store = SQLStore(f"sqlite:///{tmp_path}/log.db")
    assert options.read_store(store) is store


# --- the environment -------------------------------------------------------------------------------------


def test_the_environment_says_everything(tmp_path: Path) -> None:
    """Each variable stands for the option of its name; empty ones and those of others do not count."""
    prefix = "INTEGRATION_LOGGER_"
    environ = {
        f"{prefix}STORE": "memory:",
        f"{prefix}SPOOL": str(tmp_path),
        f"{prefix}RETENTION": "7 days",
        f"{prefix}MAX_BODY": "1000",
        "PATH": "/bin",
    }
    given = {"store": "memory:", "spool": str(tmp_path), "retention": "7 days", "max_body": 1000}
    assert options.read_environment(environ) == given
    assert options.read_environment(dict.fromkeys(environ, "")) == {"store": None}
    assert IntegrationLogger.from_env(environ).recorder.max_body == 1000


def test_an_empty_environment_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a store in the given environment nothing is recorded, whatever that of the process says."""
    monkeypatch.setenv("INTEGRATION_LOGGER_STORE", "memory:")
    assert not IntegrationLogger.from_env({}).enabled
    assert IntegrationLogger.from_env().enabled


@pytest.mark.parametrize(("name", "value"), [("STOER", "memory:"), ("MAX_BODY", "a lot"), ("RETENTION", "for ever")])
def test_a_wrong_variable_is_not_passed_over(name: str, value: str) -> None:
    """A misspelt variable and a wrong value raise."""
    with pytest.raises(ConfigurationError):
        IntegrationLogger.from_env({f"INTEGRATION_LOGGER_{name}": value})


# --- who ships ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ship", ["thread", "process", None])
def test_who_ships(tmp_path: Path, ship: Any) -> None:
    """A thread, a child or somebody else."""
    IntegrationLogger(f"sqlite:///{tmp_path}/log.db", ship=ship)


@pytest.mark.parametrize("given", [{"store": MemoryStore()}, {"store": "memory:"}, {"spool": None}])
def test_a_child_needs_a_url_and_a_folder(tmp_path: Path, given: dict[str, Any]) -> None:
    """What a child cannot be told, or could not see, is refused at once."""
    given = {"store": f"sqlite:///{tmp_path}/log.db", "ship": "process"} | given
    with pytest.raises(ConfigurationError, match="process"):
        IntegrationLogger(given.pop("store"), **given)


def test_what_a_child_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store from the root, as the child is in another folder; the spool; all rules."""
    monkeypatch.chdir(tmp_path)
    spool, rules = Spool(tmp_path / "spool"), Retention("3 days", errors="9 days")
    job = options.read_job("process", "sqlite:///log.db", "name", spool, rules)
    assert job is not None
    assert (job.store, job.name, job.folder) == (f"sqlite:///{tmp_path}/log.db", "name", str(tmp_path / "spool"))
    assert Retention.from_data(job.retention).fingerprint == rules.fingerprint
    url = "postgresql://u:p@db/log"
    job = options.read_job(None, url, "name", spool, rules)
    assert job is not None
    assert job.store == url
    assert options.read_job("thread", MemoryStore(), "name", spool, rules) is None


@pytest.mark.parametrize("value", [0, 0.5, 86_400])
def test_announce_after_takes_seconds(value: float) -> None:
    """From at once to a day."""
    IntegrationLogger(None, announce_after=value)


@pytest.mark.parametrize("value", [-1, 86_401, True, "2", None, float("nan"), float("inf")])
def test_announce_after_refuses_all_else(value: Any) -> None:
    """What is no number of seconds in a day is refused."""
    with pytest.raises(ConfigurationError, match="announce_after takes a number of seconds"):
        IntegrationLogger(None, announce_after=value)


@pytest.mark.parametrize(
    ("given", "run"),
    [({}, False), ({b"master": b"true"}, False), ({b"enable-threads": True}, True), ({"enable-threads": b"1"}, True),
     ({b"threads": b"4"}, True)],
)  # fmt: skip
def test_threads_under_uwsgi(monkeypatch: pytest.MonkeyPatch, given: dict[Any, Any], run: bool) -> None:
    """Threads run there only if it was told so, in text or bytes; everywhere else they do."""
    monkeypatch.delitem(sys.modules, "uwsgi", raising=False)
    assert options.threads_run()
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt=given))
    assert options.threads_run() is run
