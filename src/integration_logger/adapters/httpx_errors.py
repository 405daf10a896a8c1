"""What kind of failure an exception of an HTTP client is, and at which point of the call it happened.

By the names of its classes, so that neither of the two libraries has to be there.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from typing import Final

Failure = tuple[str, str | None]
"""``error_type`` and ``phase``; None: the exception alone does not tell."""

_FAILURES: Final[dict[str, Failure]] = {
    "PoolTimeout": ("timeout", "connect"),
    "ConnectTimeout": ("timeout", "connect"),
    "WriteTimeout": ("timeout", "send"),
    "TimeoutException": ("timeout", None),
    "TimeoutError": ("timeout", None),
    "ProxyError": ("connect", "connect"),
    "ConnectError": ("connect", "connect"),
    "WriteError": ("connect", "send"),
    "NetworkError": ("connect", None),
    "ConnectionError": ("connect", None),
    "UnsupportedProtocol": ("protocol", "connect"),
    "LocalProtocolError": ("protocol", "send"),
    "ProtocolError": ("protocol", None),
    "TooManyRedirects": ("protocol", "connect"),
    "DecodingError": ("protocol", "receive"),
    "InvalidURL": ("validation", "connect"),
}
_CAUSES: Final = 8
"""Exceptions behind an exception that are looked at."""


def failure(error: Exception, before: BaseException | None = None) -> Failure:
    """Return what kind of failure this is, ``exception`` if it is none of the network.

    ``before`` is what the host was handling already when it made the call.
    """
    kind, phase = _by_name(type(error).__mro__)
    for cause in _causes(error, before):
        if isinstance(cause, socket.gaierror):
            return "dns", "connect"
        if isinstance(cause, ssl.SSLError):
            return "tls", phase
    return kind, phase


def _causes(error: BaseException, before: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause is not before and len(found) < _CAUSES:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__  # httpcore raises "from None" what has its cause as context only
    return found


@lru_cache(maxsize=256)
def _by_name(classes: tuple[type, ...]) -> Failure:
    return next((_FAILURES[each.__name__] for each in classes if each.__name__ in _FAILURES), ("exception", None))


def of_the_client(error: object) -> bool:
    """Tell whether this is what a client says of a call that it could not complete, and nothing of the host."""
    return any(each.__name__ in ("RequestError", "InvalidURL") for each in type(error).__mro__)
