"""The helper for the tests of a host: entries at hand, without threads or files."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from integration_logger import IntegrationLogger, Redactor
from integration_logger.errors import ConfigurationError
from integration_logger.testing import recording
from tests.adapters.server import Server, answer
from tests.records import record


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """One for all tests, because making one takes a third of a second."""
    return Redactor()


def test_entries_are_at_hand(redactor: Redactor) -> None:
    """What was recorded is there at once, oldest first, each entry once."""
    with recording(redact=redactor) as log:
        assert isinstance(log, IntegrationLogger)
        assert log.entries == []
        ids = record(log, 300)
        assert [entry.id for entry in log.entries] == ids
        ids += record(log)
        assert [entry.id for entry in log.entries] == ids


def test_entries_stay_after_the_block(redactor: Redactor) -> None:
    """What was recorded may be looked at when the block is left, whether it was looked at before or not."""
    with recording(redact=redactor) as log:
        ids = record(log, 2)
    assert [entry.id for entry in log.entries] == ids
    assert all(entry.seq for entry in log.entries)


def test_there_are_no_threads_and_no_files(redactor: Redactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording starts nothing and writes nothing."""
    monkeypatch.chdir(tmp_path)
    before = threading.active_count()
    with recording(redact=redactor) as log:
        record(log, 10)
        assert log.flush(timeout=0.01)
        assert threading.active_count() == before
        assert log.health().captured == 10
    assert [*tmp_path.iterdir()] == []


def test_entries_are_as_they_would_be_stored(redactor: Redactor) -> None:
    """A captured call is redacted and labelled as in production; the options are those of the logger."""
    with recording(redact=redactor, labels={"environment": "test"}, max_body=5) as log:
        app: Any = log.asgi(answer(200, [(b"content-type", b"text/plain")], b"a long answer"))
        Server("POST", "/orders?token=hunter2", body=b"x").run(app)
    (entry,) = log.entries
    assert "hunter2" not in (entry.url or "")
    assert entry.labels == {"environment": "test"}
    assert entry.response is not None
    assert (entry.response.body, entry.response.truncated, entry.response.size) == (b"a lon", True, 13)


def test_two_recordings_keep_apart(redactor: Redactor) -> None:
    """Each recording has a store of its own."""
    with recording(redact=redactor) as first, recording(redact=redactor) as second:
        ids = record(first)
        assert second.entries == []
        assert [entry.id for entry in first.entries] == ids


def test_it_may_be_used_in_an_event_loop(redactor: Redactor) -> None:
    """Entries can be looked at while a loop runs."""

    async def main() -> None:
        with recording(redact=redactor) as log:
            await Server("GET").serve(log.asgi(answer(204)))
            assert [entry.status_code for entry in log.entries] == [204]

    asyncio.run(main())


def test_wrong_options_raise() -> None:
    """What the logger refuses is refused here too."""
    with pytest.raises(ConfigurationError), recording(max_body=-1):
        pass
