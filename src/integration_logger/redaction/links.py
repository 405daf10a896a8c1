"""Which addresses may become links: the label ``source_url`` comes from whoever wrote it."""

from __future__ import annotations

import re
from typing import Final

_WEB: Final = re.compile(r"https?://[^/\\]", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[^/?#]*:")
_OTHER_SITE: Final = re.compile(r"[/\\]{2}")
_UNSEEN: Final = re.compile(r"[\s\x00-\x20\x7f]")
"""Browsers leave some of these out before they read an address."""


def may_be_followed(address: object) -> bool:
    """Tell whether it is an address of the web, or a relative one: never a script, or another site in disguise."""
    if not isinstance(address, str) or not address or _UNSEEN.search(address):
        return False
    return bool(_WEB.match(address)) or not (_SCHEME.match(address) or _OTHER_SITE.match(address))
