"""A pytest plug-in: every app that Starlette's test client calls is recorded while the tests of somebody else run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from logged import telling
from starlette import testclient

from integration_logger.testing import recording


@pytest.fixture(scope="session", autouse=True)
def integration_logger_in_front() -> Iterator[None]:
    """Put the logger around the app of every client."""
    transport: Any = testclient._TestClientTransport
    begin = transport.__init__
    with recording() as log:

        @wraps(begin)
        def begin_logged(self: Any, app: Any, *args: Any, **options: Any) -> None:
            begin(self, log.asgi(app), *args, **options)

        with pytest.MonkeyPatch.context() as patch, telling(log):
            patch.setattr(transport, "__init__", begin_logged)
            yield
