"""Text of anything, for what is kept: bounded, in characters that every encoding takes, and never an exception."""

from __future__ import annotations

import re
from typing import Final

MAX_TEXT: Final = 4 * 1024
"""Characters kept of one text."""
_UP_TO_LAST_BREAK: Final = re.compile(r""".*[\s"'<>{}\[\],;&=:()]""", re.DOTALL)


def safe_text(value: object, limit: int = MAX_TEXT) -> str:
    """Return the value as text of at most so many characters and an ellipsis."""
    try:
        text = characters(str(value))
    except Exception:  # an object of the host whose __str__ raises
        return f"<{type(value).__name__} without a readable text>"
    return text if len(text) <= limit else cut(text, limit)


def characters(text: str) -> str:
    """Return the text with a question mark for what is no character, such as a foreign byte of a file name."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Cut a text before a word, because the beginning of a secret is not known for one."""
    whole = _UP_TO_LAST_BREAK.match(text, 0, limit)
    return f"{whole[0] if whole else ''}\N{HORIZONTAL ELLIPSIS}"
