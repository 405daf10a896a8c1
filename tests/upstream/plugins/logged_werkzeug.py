"""A pytest plug-in: every app that Werkzeug's test client calls is recorded while the tests of somebody else run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from logged import telling
from werkzeug import test

from integration_logger.testing import recording

_run_wsgi_app = test.run_wsgi_app
_log: list[Any] = []
TEXTS = 3
"""Pieces of answers in these tests that are text and not bytes, as no server would take them."""


def _run_logged(app: Any, environ: Any, buffered: bool = False) -> Any:
    is_request = "REQUEST_METHOD" in environ  # many tests call an app with nothing
    return _run_wsgi_app(_log[0].wsgi(app) if _log and is_request else app, environ, buffered)


test.run_wsgi_app = _run_logged  # before test modules import it by its name


@pytest.fixture(scope="session", autouse=True)
def integration_logger_in_front() -> Iterator[None]:
    """Put the logger around the app of every call."""
    with recording() as log, telling(log, failures=TEXTS):
        _log.append(log)
        yield
        _log.clear()
