"""What holds for the store on PostgreSQL in particular."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from integration_logger import IntegrationLogger
from integration_logger.capture import Capture
from integration_logger.errors import StoreError
from integration_logger.query import ALL, EVERYTHING, Query, Scope
from integration_logger.stores.sql import SQLStore, sessions
from tests import postgresql
from tests.deadlines import eventually
from tests.factories import EPOCH, make_entry, make_in_flight


@pytest.fixture
def url() -> Iterator[str]:
    with postgresql.fresh_database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[SQLStore]:
    with closing(SQLStore(url)) as store:
        yield store


@pytest.fixture(scope="module")
def own() -> Iterator[postgresql.Server]:
    """A server that tests may stop, and leave running."""
    with postgresql.server() as own:
        yield own


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is said in the host's log but by ourselves."""
    yield
    assert [record for when in ("setup", "call") for record in caplog.get_records(when)] == []


def asked(url: str, question: str) -> list[Any]:
    """Return the first column of what another connection is told."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [row[0] for row in connection.execute(question)]


def ids(store: SQLStore, query: Query | None = None) -> list[str]:
    return [entry.id for entry in store.search(query or Query(scope=EVERYTHING, order="asc")).entries]


def refused(act: Callable[[], object]) -> StoreError:
    """Return the error of what cannot be done now, and might be later."""
    with pytest.raises(StoreError) as caught:
        act()
    assert not caught.value.data_error
    return caught.value


# --- tables -------------------------------------------------------------------------------------------


def test_processes_may_start_at_once_on_an_empty_database() -> None:
    """One creates the tables, the others wait for it, and all can write."""
    code = (
        "import sys; from integration_logger.stores import open_store; from tests.factories import make_entry;"
        "sys.stdin.read(1); store = open_store(sys.argv[1]); store.write([make_entry()]); store.close()"
    )
    with postgresql.fresh_database("TEMPLATE template1") as url:
        command = [sys.executable, "-W", "error", "-c", code, url]
        started = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            for _ in range(4)
        ]
        complaints = [process.communicate(b"x", 60)[1] for process in started]
        assert complaints == [b""] * 4
        with closing(SQLStore(url)) as store:
            assert store.info().entries == 4


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_database_that_was_made_anew_is_healed(store: SQLStore, url: str) -> None:
    """A batch fails, and can be written after the store was opened again."""
    store.write([make_entry()])
    name = urlsplit(url).path[1:]
    postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")
    refused(lambda: store.write([make_entry()]))
    postgresql.execute(f"CREATE DATABASE {name}")
    refused(lambda: store.write([make_entry()]))
    store.open()
    store.write([entry := make_entry()])
    assert ids(store) == [entry.id]


def test_the_shipper_heals_a_database_that_was_made_anew(url: str, tmp_path: Path) -> None:
    """What is recorded meanwhile is stored in the new one."""
    name = urlsplit(url).path[1:]
    log = IntegrationLogger(url, spool=tmp_path)
    try:
        log.recorder.record(Capture("inbound"))
        assert log.flush(20)
        postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")
        log.recorder.record(Capture("inbound"))
        assert not log.flush(0.3)
        postgresql.execute(f"CREATE DATABASE {name}")
        assert log.flush(30)
        assert len(log.store.search(Query(scope=EVERYTHING)).entries) == 1
        assert log.health().rejected == 0
    finally:
        log.close()


def test_captured_values_are_in_no_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A host may have SQLAlchemy tell all that it does."""
    caplog.set_level(logging.INFO, "sqlalchemy")
    with closing(SQLStore(url)) as other:
        other.open()
        begun = make_in_flight("very-secret", url="https://x/very-secret")
        other.write([entry := make_entry(url="https://x/very-secret", tenant="very-secret")], in_flight=[begun])
        assert other.get(entry.id, EVERYTHING)
        ids(other, Query.parse([("q", "very-secret"), ("tenant", "very-secret")], EVERYTHING))
        other.erase(Query.parse([("tenant", "very-secret")], EVERYTHING))
    assert "integration_log_entries" in caplog.text
    assert "very-secret" not in caplog.text


def test_tables_that_were_emptied_are_healed(store: SQLStore, url: str) -> None:
    """As test suites of hosts do with all tables that they find."""
    store.write([make_entry()])
    tables = asked(url, "SELECT tablename FROM pg_tables WHERE tablename LIKE 'integration_log_%'")
    postgresql.execute(f"TRUNCATE {', '.join(tables)}", url)
    refused(lambda: store.write([make_entry()]))
    store.open()
    store.write([make_entry()])
    assert len(ids(store)) == 1


def test_a_schema_of_the_future_is_left_alone(store: SQLStore, url: str) -> None:
    """An older package does not write into it."""
    postgresql.execute("UPDATE integration_log_version SET version = 99", url)
    with pytest.raises(StoreError, match="newer"):
        store.open()


def test_a_schema_may_be_chosen(url: str) -> None:
    """By the search path in the URL; the tables of another one are another log."""
    postgresql.execute("CREATE SCHEMA logs", url)
    with closing(SQLStore(f"{url}?options=-csearch_path%3Dlogs")) as store:
        store.open()
        store.write([make_entry()])
    assert asked(url, "SELECT count(*) FROM logs.integration_log_entries") == [1]
    assert asked(url, "SELECT count(*) FROM public.integration_log_entries") == [0]


def test_a_database_of_another_encoding_is_refused() -> None:
    """It could not hold every text; the batch waits until the database is right."""
    options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with postgresql.fresh_database(options) as url, closing(SQLStore(url)) as store:
        assert "LATIN1" in str(refused(store.open))


def test_what_was_freed_is_used_again(store: SQLStore, url: str) -> None:
    """After a purge of everything the tables are as small as they can be."""
    for _ in range(3):
        store.write([make_entry(expires_at=EPOCH) for _ in range(1000)])
    full = store.info().bytes
    store.purge(EPOCH + timedelta(days=1))

    def emptied() -> bool:
        store.close()  # the server counts what a session has deleted when it ends, or a little later
        store.purge(EPOCH)
        return store.info().bytes < full / 3

    assert eventually(emptied)


# --- the order of seq ---------------------------------------------------------------------------------


def test_seq_is_seen_in_the_order_of_commits(store: SQLStore, url: str) -> None:
    """While a writer has not committed, no other one can, so a follower passes over nobody."""
    begun, leave = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with store._database.write() as connection:
            store._database.take_seqs(connection, 1)
            begun.set()
            leave.wait(30)

    slow = threading.Thread(target=write_slowly)
    slow.start()
    begun.wait(30)
    entry = make_entry()
    quick = threading.Thread(target=store.write, args=([entry],))
    quick.start()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    eventually(lambda: asked(url, waiting) == [1])
    assert ids(store) == []
    leave.set()
    slow.join(30)
    quick.join(30)
    [found] = store.search(Query(scope=EVERYTHING)).entries
    assert (found.id, found.seq) == (entry.id, 2)


def test_a_failed_batch_leaves_nothing(store: SQLStore, url: str) -> None:
    """Neither rows nor counts, and the next batch is stored."""
    postgresql.execute("ALTER TABLE integration_log_payloads ADD CHECK (seq < 3)", url)
    store.write([make_entry(), make_entry()])
    with pytest.raises(StoreError):
        store.write([make_entry(), make_entry()], in_flight=[make_in_flight()])
    postgresql.execute("ALTER TABLE integration_log_payloads DROP CONSTRAINT integration_log_payloads_seq_check", url)
    store.write([make_entry()])
    page = store.search(Query(scope=EVERYTHING))
    assert ([entry.seq for entry in page.entries], page.in_flight) == ([3, 2, 1], ())
    assert sum(bucket.success + bucket.error for bucket in store.stats(Query(scope=EVERYTHING), 60).buckets) == 3


# --- errors -------------------------------------------------------------------------------------------

CODES = {
    "22021": True,  # a character that the database does not have
    "22003": True,  # out of range
    "23514": True,  # a constraint
    "54000": True,  # too large
    "53100": False,  # disk full
    "53200": False,  # out of memory
    "53300": False,  # too many connections
    "57P01": False,  # the server is shut down
    "57014": False,  # it took too long
    "40001": False,  # another transaction was in the way
    "40P01": False,  # deadlock
    "25006": False,  # read-only
    "42501": False,  # no right to
    "42P01": False,  # no table
    "58030": False,  # input or output
    "XX001": False,  # damaged
}


@pytest.mark.parametrize("code", CODES)
def test_errors_tell_poison_from_trouble(store: SQLStore, url: str, code: str) -> None:
    """What the server refuses for what it holds is given up; everything else is tried again."""
    postgresql.execute(
        f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON integration_log_entries FOR EACH ROW EXECUTE FUNCTION fail()
        """,
        url,
    )
    with pytest.raises(StoreError) as caught:
        store.write([make_entry()])
    assert caught.value.data_error == CODES[code]
    assert code in str(caught.value)
    postgresql.execute("DROP TRIGGER fail ON integration_log_entries", url)
    store.write([make_entry()])
    assert len(ids(store)) == 1


def test_errors_quote_nothing(store: SQLStore, url: str) -> None:
    """The server's account of a refused row has the row in it, and ours has not, nor what it was raised from."""
    postgresql.execute("ALTER TABLE integration_log_entries ADD CHECK (length(url) < 50)", url)
    with pytest.raises(StoreError) as caught:
        store.write([make_entry(url="https://x/very-secret" * 5, tenant="very-secret")])
    assert caught.value.data_error
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)
    assert "CheckViolation" in str(caught.value)


@pytest.mark.parametrize("password", ["very-secret", "very/secret@:?", "é very secret %41"])
def test_a_wrong_password_is_not_told(own: postgresql.Server, password: str) -> None:
    """The message says who could not log in, and not with what."""
    with closing(SQLStore(own.url(password=quote(password, safe="")))) as store:
        error = refused(store.open)
    assert "password authentication failed" in str(error)
    assert password not in str(error)
    assert "secret" not in str(error)


def test_an_absent_server_is_told_at_once(url: str) -> None:
    """Nobody listens there, nobody has that name, or there is no such database."""
    with closing(SQLStore(f"postgresql://u:very-secret@127.0.0.1:{postgresql.free_port()}/d")) as store:
        assert "very-secret" not in str(refused(store.open))
    with closing(SQLStore(f"{url}-that-there-is-not")) as store:
        assert "does not exist" in str(refused(store.open))


def test_a_read_only_database_is_waited_for(store: SQLStore, url: str) -> None:
    """What is there can be read, and writing is tried again."""
    store.write([make_entry()])
    store.close()
    postgresql.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} SET default_transaction_read_only = on")
    assert "read-only" in str(refused(lambda: store.write([make_entry()])))
    assert len(ids(store)) == 1


def test_a_lock_is_not_waited_for_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the batch is given back."""
    monkeypatch.setattr(sessions, "LOCK", 0.1)
    with closing(SQLStore(url)) as store, psycopg.connect(url) as other:
        other.execute("LOCK TABLE integration_log_counter")
        assert "lock timeout" in str(refused(lambda: store.write([make_entry()])))
        other.rollback()
        store.write([make_entry()])


def test_values_with_nul_are_found_nowhere(store: SQLStore) -> None:
    """A filter or a scope that holds what the database cannot is no error."""
    store.write([make_entry(tenant="a\0b"), make_entry(tenant="a")])
    nul = Scope(tenants=frozenset({"a\0b"}), applications=ALL)
    for pairs in ([("tenant", "a\0b")], [("q", "a\0b")], [("label.a\0", "\0")], [("trace_id", "\0")]):
        assert ids(store, Query.parse(pairs, EVERYTHING)) == []
    assert len(ids(store, Query.parse([("not.tenant", "a\0b")], EVERYTHING))) == 2
    assert ids(store, Query(scope=nul)) == []
    assert store.stats(Query(scope=nul), 60).buckets == ()
    assert store.facets(Query(scope=nul), ["tenant"]).covered == 0


def test_long_names_are_stored(store: SQLStore) -> None:
    """A tenant that is longer than a key of an index may be is counted as all others are."""
    rng = random.Random(1)
    long = "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(5000))
    store.write([make_entry(tenant=long, application=long, status_code=200), make_entry()])
    scope = Scope(tenants=frozenset({long}), applications=frozenset({long}))
    assert [bucket.success for bucket in store.stats(Query(scope=scope), 60).buckets] == [1]


# --- connections --------------------------------------------------------------------------------------


def test_connections_say_whose_they_are(store: SQLStore, url: str) -> None:
    """The administrator sees the name, or the one that the URL gives, and limits to all waiting."""
    store.info()
    running = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1"
    assert "integration-logger" in asked(url, running)
    with closing(SQLStore(f"{url}?application_name=mine")) as other, other._database.read() as connection:
        assert "mine" in asked(url, running)
        settings = [
            connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert settings == ["30s", "10s", "1min"]


@pytest.mark.usefixtures("quiet")
def test_a_restarted_server_is_used_again(own: postgresql.Server) -> None:
    """Connections that it has forgotten are replaced without an error; while it is away every call says so."""
    with closing(SQLStore(own.url())) as store:
        store.open()
        store.write([first := make_entry()])
        own.restart()
        store.write([second := make_entry()])
        own.stop()
        refused(lambda: store.write([make_entry()]))
        refused(store.info)
        refused(lambda: store.state.claim("a", 1))
        own.start()
        store.write([third := make_entry()])
        assert ids(store)[-3:] == [first.id, second.id, third.id]


@pytest.mark.usefixtures("quiet")
def test_a_suspended_server_is_noticed(own: postgresql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its connections and answers nobody: that ends after a while, and goes on when it is back."""
    monkeypatch.setattr(sessions, "CONNECT", 1)
    with closing(SQLStore(own.url())) as store:
        store.open()
        monkeypatch.setattr(sessions, "ANSWER", 0.5)

        def ask() -> None:
            with store._database.read() as connection:
                own.suspend()
                store._database.last_seq(connection)

        assert "has not answered" in str(refused(ask))
        refused(lambda: store.write([make_entry()]))
        own.resume()
        store.write([entry := make_entry()])
        assert ids(store)[-1] == entry.id


@pytest.mark.usefixtures("quiet")
def test_a_session_that_is_ended_is_replaced(store: SQLStore, url: str) -> None:
    """By the administrator, or by a limit of the server, between two calls or within one."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'integration-logger'"
    store.info()
    asked(url, f"{end} AND datname = current_database()")
    store.write([make_entry()])

    def write() -> None:
        with store._database.write() as connection:
            asked(url, f"{end} AND datname = current_database()")
            store._database.take_seqs(connection, 1)

    refused(write)
    store.write([make_entry()])
    assert [entry.seq for entry in store.search(Query(scope=EVERYTHING)).entries] == [2, 1]


SESSION = """
import os, signal, sys
from integration_logger.stores import open_store
from tests.factories import make_entry

def session():
    with store._database.read() as connection:
        return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

store = open_store(sys.argv[1])
mine = session()
"""
ORDINARY = """
if not (child := os.fork()):
    assert session() != mine
    store.write([make_entry()])
    store.close()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
assert session() == mine
store.close()
"""
IN_A_TRANSACTION = """
with store._database.write() as connection:
    assert store._database.take_seqs(connection, 1) == 1
    if not (child := os.fork()):
        assert session() != mine
        try:
            store._database.last_seq(connection)
        except Exception:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert store._database.last_seq(connection) == 1
assert session() == mine
store.close()
"""
KILLED = """
with store._database.write() as connection:
    store._database.take_seqs(connection, 1)
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
"""


@pytest.mark.parametrize("code", [ORDINARY, IN_A_TRANSACTION], ids=["idle", "in a transaction"])
def test_a_child_leaves_the_sessions_of_its_parent_alone(url: str, code: str) -> None:
    """It has sessions of its own, and cannot even write into those of its parent."""
    command = [sys.executable, "-W", "error", "-c", SESSION + code, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert (done.returncode, done.stderr) == (0, "")


def test_locks_of_a_killed_process_do_not_live_on_in_its_children(store: SQLStore, url: str) -> None:
    """The session of a parent that was killed while it wrote ends, though a child of it lives."""
    command = [sys.executable, "-c", SESSION + KILLED, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"forked\n"
        store.write([make_entry()])
        assert process.wait(30) == -signal.SIGKILL
    assert [entry.seq for entry in store.search(Query(scope=EVERYTHING)).entries] == [1]


# --- the tests themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_server_fails_in_ci(monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[Exception]) -> None:
    """Elsewhere the tests that need one are skipped, and say what to do."""
    monkeypatch.setattr(postgresql, "_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=postgresql.GIVEN):
        postgresql.Server()
