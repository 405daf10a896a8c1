"""Headers: what is kept of the sensitive ones."""

from __future__ import annotations

import pytest

from integration_logger.redaction import headers


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (b"authorization", b"Bearer abc", b"Bearer [REDACTED]"),
        (b"authorization", b"abc", b"[REDACTED]"),
        (b"authorization", b"secret-scheme abc", b"[REDACTED]"),
        (b"proxy-authorization", b"basic  dTpw", b"basic  [REDACTED]"),
        (b"authorization", b"Bearer ", b"[REDACTED]"),
        (b"x-api-key", b"abc", b"[REDACTED]"),
        (b"x-api-key", b"", b""),
        (b"cookie", b"a=b; c=d=e;f", b"a=[REDACTED]; c=[REDACTED];[REDACTED]"),
        (b"cookie", b"abc", b"[REDACTED]"),
        (b"cookie", b"a=; b=1", b"a=; b=[REDACTED]"),
        (b"set-cookie", b"sid=abc; Path=/; HttpOnly; Max-Age=9", b"sid=[REDACTED]; Path=/; HttpOnly; Max-Age=9"),
        (b"set-cookie", b"abc; Path=/", b"[REDACTED]; Path=/"),
        (b"set-cookie", b"", b""),
    ],
)
def test_mask(name: bytes, value: bytes, expected: bytes) -> None:
    """Names of cookies, their attributes and the scheme tell something, and no secret."""
    assert headers.mask(name, value) == expected
