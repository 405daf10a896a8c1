"""What the plug-ins share: in the end they tell how much was recorded, and that no recording failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integration_logger.testing import RecordingLogger


@contextmanager
def telling(log: RecordingLogger, *, failures: int = 0) -> Iterator[None]:
    """Check the logger when the block is left; so many calls keep no rules, and may fail to be recorded."""
    yield
    health = log.health()
    print(f"\n{health.captured} calls recorded, {health.failed + health.redaction_failed} failures of logging")
    assert health.captured
    assert health.redaction_failed == 0
    assert health.failed <= failures
