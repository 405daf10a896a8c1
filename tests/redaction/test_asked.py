"""``values=`` as a function: the host's secrets, as they are now."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError
from integration_logger.redaction import Redactor, asked
from tests.deadlines import eventually


def shown(redactor: Redactor, text: str) -> str:
    when = datetime(2026, 11, 20, tzinfo=UTC)
    entry = Entry(id="a", kind="call", started_at=when, status="completed", transaction_id="a", errors=(text,))
    return redactor.redact(entry, 1 << 16).errors[0]


def test_it_is_asked_when_needed() -> None:
    """Not when the Redactor is built, once for the first entry, and not again soon."""
    times: list[int] = []

    def values() -> list[str]:
        times.append(1)
        return ["first-secret"]

    redactor = Redactor(values=values)
    assert not times
    assert shown(redactor, "a first-secret b") == "a [REDACTED] b"
    assert shown(redactor, "a first-secret b") == "a [REDACTED] b"
    assert len(times) == 1


def test_what_is_recorded_while_it_is_asked_keeps_nothing() -> None:
    """A function that is served by the host itself is not waited for by its own calls."""

    def values() -> list[str]:
        with pytest.raises(ConfigurationError, match="has not answered"):
            shown(redactor, "a first-secret b")
        return ["first-secret"]

    redactor = Redactor(values=values)
    assert shown(redactor, "a first-secret b") == "a [REDACTED] b"


def test_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new secret is masked soon, without a request that waits; the one before it is masked, too."""
    given = ["first-secret"]
    asker: list[str] = []

    def values() -> list[str]:
        asker.append(threading.current_thread().name)
        return given

    redactor = Redactor(values=values)
    shown(redactor, "")
    given = ["second-secret"]
    monkeypatch.setattr(asked, "ASK_EVERY", 0.0)
    redactor._asked._due = 0.0  # type: ignore[union-attr]
    eventually(lambda: shown(redactor, "first-secret second-secret") == "[REDACTED] [REDACTED]")
    assert set(asker[1:]) == {"integration-logger-values"}


def test_no_answer_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be masked is not kept: the recorder keeps nothing of an entry whose redaction raises."""
    answers: list[object] = [OSError("vault is away"), "a single text", ["first-secret"]]

    def values() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]

    redactor = Redactor(values=values)
    with pytest.raises(OSError, match="vault"):
        shown(redactor, "first-secret")
    with pytest.raises(ConfigurationError, match="has not answered"):  # and is not asked for every entry
        shown(redactor, "first-secret")
    monkeypatch.setattr(asked, "RETRY", 0.0)
    redactor._asked._due = 0.0  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError, match="values"):
        shown(redactor, "first-secret")
    assert shown(redactor, "first-secret") == "[REDACTED]"


def test_no_answer_later(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The values that were given last stay, and a warning says so without quoting anything."""
    answers: list[list[str]] = [["first-secret"]]
    redactor = Redactor(values=lambda: answers.pop())
    shown(redactor, "")
    redactor._asked._due = 0.0  # type: ignore[union-attr]
    assert shown(redactor, "first-secret") == "[REDACTED]"
    eventually(lambda: "could not be renewed: IndexError" in caplog.text)
    assert shown(redactor, "first-secret") == "[REDACTED]"
