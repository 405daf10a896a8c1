"""A pytest plug-in: every Flask app is recorded while the tests of somebody else run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from logged import telling

from integration_logger.testing import recording


@pytest.fixture(scope="session", autouse=True)
def integration_logger_in_front() -> Iterator[None]:
    """Put the logger around what a server calls, whatever the test has made of it."""
    with recording() as log, pytest.MonkeyPatch.context() as patch, telling(log):

        def call(self: Flask, environ: Any, start_response: Any) -> Any:
            return log.wsgi(self.wsgi_app)(environ, start_response)

        patch.setattr(Flask, "__call__", call)
        yield
