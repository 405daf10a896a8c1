"""What is asked of a log browser, and what its answers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from integration_logger.context import at_work
from integration_logger.errors import ConfigurationError, ScrollError

if TYPE_CHECKING:
    import httpx

PAGE: Final = 200  # entries asked for at once; no more are held in memory
LONGEST_WAIT: Final = 3600.0  # seconds that a server may ask for
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))

Item = dict[str, Any]
Filters = Mapping[str, str | Sequence[str]]


class Fetch(msgspec.Struct, frozen=True):
    """Ask for what comes after a place."""

    position: int


class Page(msgspec.Struct, frozen=True):
    """An answer of ``/api/entries``, as far as it matters here."""

    items: list[Item]
    next_cursor: int
    has_more: bool


class Failure(msgspec.Struct, frozen=True):
    """What may be better next time."""

    text: str
    wait: float | None = None
    """Seconds that the server asks to stay away."""


class Asking:
    """What is asked of the log browser, and what its answers mean."""

    def __init__(self, url: str, filters: Filters, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError("scroll: the URL is where the log browser is mounted, as https://example.com/logs")
        if own := {"cursor", "order", "limit"} & {*filters}:
            raise ConfigurationError(f"scroll: {', '.join(sorted(own))} is set by scroll itself")
        for name, values in filters.items():
            if not isinstance(values, str) and not _are_texts(values):
                raise ConfigurationError(f"scroll: the filter {name} takes a text or a list of texts, not {values!r}")
        self._url = f"{url.rstrip('/')}/api/entries"
        self._shown = f"{parts.hostname}{parts.path.rstrip('/')}/api/entries"
        self._headers = {"accept": "application/json", **headers}
        self._params = [
            (name, value)
            for name, values in filters.items()
            for value in ([values] if isinstance(values, str) else values)
        ]

    def sync(self, client: Any, step: Fetch) -> Page | Failure:
        """Ask once."""
        try:
            with at_work():  # who follows a log would otherwise add to it for ever
                return self._read(client.get(self._url, **self._options(step)))
        except _failures(client) as error:
            return self._unreachable(error)

    async def coroutine(self, client: Any, step: Fetch) -> Page | Failure:
        """Ask once."""
        try:
            with at_work():
                return self._read(await client.get(self._url, **self._options(step)))
        except _failures(client) as error:
            return self._unreachable(error)

    def _options(self, step: Fetch) -> dict[str, Any]:
        own = [("order", "asc"), ("limit", str(PAGE)), ("cursor", str(step.position))]
        return {"params": [*self._params, *own], "headers": self._headers, "follow_redirects": False}

    def _unreachable(self, error: Exception) -> Failure:
        return Failure(f"{self._shown} cannot be reached: {type(error).__name__}: {error}")

    def _read(self, response: httpx.Response) -> Page | Failure:
        status = response.status_code
        if status in _PASSING:
            return Failure(self._says(response), _retry_after(response.headers.get("retry-after")))
        if status != HTTPStatus.OK:
            raise ScrollError(
                f"{self._says(response)}{_ADVICE.get(status, _ELSEWHERE if status < 400 else '')}", status
            )
        try:
            page = msgspec.json.decode(response.content, type=Page)
            if all(isinstance(item.get("seq"), int) for item in page.items):
                return page
        except msgspec.DecodeError:
            pass
        raise ScrollError(f"{self._shown} did not answer as a log browser does{_ELSEWHERE}", status)

    def _says(self, response: httpx.Response) -> str:
        try:
            said = f": {msgspec.json.decode(response.content)['error']['message']}"
        except (msgspec.DecodeError, LookupError, TypeError):
            said = ""
        return f"{self._shown} answered {response.status_code}{said}"


def _are_texts(values: object) -> bool:
    return isinstance(values, list | tuple | set | frozenset) and all(isinstance(value, str) for value in values)


_ELSEWHERE: Final = "; is this where the log browser is mounted, and are the headers those of somebody who may read it?"
_ADVICE: Final = {
    401: "; give the headers that the host's authorize wants",
    403: "; ask whoever runs the host for the permission",
    404: _ELSEWHERE,
}


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for, given as a number or a date; None for none."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)


def load_httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise ConfigurationError("scroll needs httpx: pip install integration-logger[client]") from None
    return httpx


def _failures(client: Any) -> type[Exception]:
    """Return the class of what a client raises where there was no answer: httpx's, or that of its successor."""
    package = next(c.__module__.partition(".")[0] for c in type(client).__mro__ if c.__module__.startswith("httpx"))
    found: type[Exception] = __import__(package).RequestError
    return found
