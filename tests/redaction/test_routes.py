"""Parameters of the path, by the template of the route."""

from __future__ import annotations

import pytest

from integration_logger.redaction import routes
from integration_logger.redaction.edits import apply
from integration_logger.redaction.names import Names

NAMES = Names()


@pytest.mark.parametrize(
    ("route", "url", "expected"),
    [
        ("/reset/{token}", "https://a.example/reset/abc", "https://a.example/reset/[REDACTED]"),
        ("/reset/{token}", "https://a.example/mount/reset/abc?x=1#f", "https://a.example/mount/reset/[REDACTED]?x=1#f"),
        ("/u/{id}/{reset_token}/go", "/u/7/abc/go", "/u/7/[REDACTED]/go"),
        ("/share/{secret:path}", "/share/a/b/c", "/share/[REDACTED]"),
        ("/reset/<token>", "/reset/abc", "/reset/[REDACTED]"),
        ("/reset/<string:token>/<path:rest>", "/reset/abc/d/e", "/reset/[REDACTED]/d/e"),
        ("/orders/{id}", "/orders/17", "/orders/17"),
        ("/reset/{token}", "/other/abc", "/other/abc"),
        ("/plain", "/plain", "/plain"),
    ],
)
def test_parameters(route: str, url: str, expected: str) -> None:
    """A sensitive name hides its value, wherever the application is mounted."""
    data = url.encode()
    assert apply(data, routes.edits(data, route, NAMES)).decode() == expected
