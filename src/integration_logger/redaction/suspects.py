"""What the scan looks for: the patterns, and what it says of each place where one of them matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

Hit = tuple[int, int, int]
"""Kind, start and end. A kind is the index of a shape, or one of those below, which have no start."""
Hits = Callable[[bytes], Sequence[Hit]]
"""Returns everything suspect in some bytes."""

NAME: Final = -1
"""Ends with the sign after a name: ``password=``, ``"password":``, ``("password",``, ``<password>``."""
PARAMETER: Final = -2
"""Ends with the ``=`` after a name that is sensitive in URLs only."""
ESCAPE: Final = -3
"""Ends an ASCII character that is written as an escape of JSON: what it hides is only seen after decoding."""
PERCENT: Final = -4
"""Ends something that URLs encode and that hides what is looked for: a letter, a number after a sign."""
SQL: Final = -5
"""Ends what says by position which values are which: ``INSERT INTO``, ``[parameters:`` of SQLAlchemy."""
KINDS: Final = 5

STATEMENTS: Final = (r"(?:insert|replace)(?:[\s+]|%20)+into", r"\[parameters:")

# Encoders of JSON write < > & and ' as escapes for the sake of HTML, and all that is not ASCII: no suspicion, but
# that the last digit of an escape is no part of the number that follows it.
ESCAPES: Final = (r"\\u00(?:2[0-589a-f]|3[0-9abdf]|[4-7][0-9a-f])", r"\\u[0-9a-f]{4}[2-6][0-9]{3}")
PERCENTS: Final = (
    r"%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])",
    r"%25[2-7][0-9a-f]",
    r"%[0-9a-f]{2}[2-6][0-9]{3}",
    r"[0-9]{4}%[0-9a-f]{2}",
    r"%20[0-9]{4,6}%20[0-9]{4}",
    r"\+[0-9]{4,6}\+[0-9]{4}",
)
