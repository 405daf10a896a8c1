"""What is noted on the way of a call that goes out: its attempts so far, and which logger has seen a thing already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from integration_logger.adapters import httpx_errors
from integration_logger.transactions import Transaction, transaction_here

if TYPE_CHECKING:
    from integration_logger.adapters.httpx_call import OutboundCall
    from integration_logger.recorder import Recorder

KEY: Final = "integration_logger"
"""Where the marks of all loggers lie in a request's extensions, which redirects and round trips for auth take along."""


class Mark:
    """What a request takes along: the attempts made of it so far."""

    __slots__ = ("call", "over", "traceparent", "transaction")

    def __init__(self, recorder: Recorder) -> None:
        self.transaction = transaction_here(recorder) or Transaction(recorder)
        self.call: OutboundCall | None = None
        """The attempt that a transport is busy with."""
        self.over = False
        """The last attempt was a success: to send the request again is another call."""
        self.traceparent: str | None = None
        """What was put into the headers."""


Noted = WeakKeyDictionary[Any, list["Recorder"]]
"""Which loggers have noted a thing already."""

_errors: Noted = WeakKeyDictionary()


def is_new(thing: Any, noted: Noted, recorder: Recorder) -> bool:
    """Note a thing; return whether this logger had not done so before."""
    known = noted.setdefault(thing, [])
    if recorder in known:
        return False
    known.append(recorder)
    return True


def remember(error: BaseException, recorder: Recorder) -> bool:
    """Note that an error is in an entry, as it passes several places on its way; return whether that is new."""
    return not httpx_errors.of_the_client(error) or is_new(error, _errors, recorder)


def mark_of(request: Any, recorder: Recorder) -> Mark | None:
    """Return the mark that this logger has left on a request."""
    marks: dict[Recorder, Mark] = request.extensions.get(KEY, {})
    return marks.get(recorder)
