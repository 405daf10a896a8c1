"""Charsets as content types name them, told from names that are none.

Python is asked only for those that it has: it keeps every name in memory that it was asked for in vain, and here
strangers choose the names.
"""

from __future__ import annotations

import encodings
import re
from encodings.aliases import aliases
from pkgutil import iter_modules
from typing import Final

_NAMED: Final = re.compile(r"""charset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
_KNOWN: Final = frozenset((*aliases, *(module.name for module in iter_modules(encodings.__path__))))


def named(parameters: str) -> str | None:
    """Return the charset that the parameters of a content type name."""
    match = _NAMED.search(parameters)
    return match and match[1]


def is_known(name: str) -> bool:
    """Tell whether Python may have a codec of this name."""
    # what is not ASCII parts words for Python, as a blank does
    usual = encodings.normalize_encoding(name.encode("ascii", "replace").decode()).lower()
    return usual in _KNOWN or usual.replace(".", "_") in _KNOWN
