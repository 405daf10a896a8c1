"""Addresses that authorization servers send people back to, with a code that is as good as a password."""

from __future__ import annotations

import re
from typing import Final

_PATH: Final = re.compile(
    rb"/(?:[\w.-]*callback|oauth2?|openid|oidc|sso|sign-?in(?:-\w+)?|login|auth)(?=/|\Z)", re.IGNORECASE
)


def is_one(path: bytes) -> bool:
    """Tell whether a path, or a URL without its query, looks like one."""
    return _PATH.search(path) is not None
