"""The fixture ``integration_log`` for the tests of a host, which pytest finds by itself.

It stands beside the package and not in it: pytest imports it in every run, also where nobody asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from integration_logger.testing import RecordingLogger


@pytest.fixture(scope="session")
def integration_log_options() -> dict[str, Any]:
    """Options of the logger, those of ``IntegrationLogger``; override it to have others than the defaults."""
    return {}


@pytest.fixture(scope="session")
def _integration_log_defaults() -> dict[str, Any]:
    from integration_logger import Redactor

    return {"redact": Redactor()}  # its patterns are compiled once and not for each test


@pytest.fixture
def integration_log(
    integration_log_options: dict[str, Any], _integration_log_defaults: dict[str, Any]
) -> Iterator[RecordingLogger]:
    """A logger whose ``entries`` the test can look at; in memory, without threads or files, and new for each test."""
    from integration_logger.testing import recording

    with recording(**_integration_log_defaults | integration_log_options) as log:
        yield log
