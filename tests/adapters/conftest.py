from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from integration_logger.redaction import Redactor
from integration_logger.testing import RecordingLogger, recording

Recording = Callable[..., RecordingLogger]


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    """One for all tests, because making one takes a third of a second."""
    return Redactor()


@pytest.fixture
def recorded(redactor: Redactor) -> Iterator[Recording]:
    """Make loggers in memory with the options given."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(recording(redact=redactor, **options))


@pytest.fixture
def log(recorded: Recording) -> Iterator[RecordingLogger]:
    """A logger in memory whose recording must not fail in silence."""
    log = recorded()
    yield log
    health = log.health()
    assert (health.failed, health.redaction_failed, health.labels_failed) == (0, 0, 0)
