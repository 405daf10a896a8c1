"""Which third party a call is with, told by its host or path, and what the host says of how such calls ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec.structs import force_setattr

from integration_logger.catalogue import CATALOGUE, Known
from integration_logger.context import at_work
from integration_logger.entry import Entry
from integration_logger.errors import ConfigurationError

ERROR_TYPES: Final = (
    "http_4xx", "http_5xx", "dns", "connect", "tls", "timeout", "protocol", "cancelled", "disconnect", "exception",
    "validation", "auth", "answer", "abandoned", "script",
)  # fmt: skip
STATUS_BY: Final = "status_by"
"""The label that says who decided on the status, where it was not the status code."""
MAX_NAME: Final = 200
_REMEMBERED: Final = 1024
"""Hosts whose candidates are remembered; names of hosts may come from strangers."""
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9_.-]+", re.ASCII)
_PORT: Final = re.compile(r":\d+\Z", re.ASCII)
_END: Final = r"(?=[?#]|\Z)"
"""Where a path ends within a URL."""

Classify = Callable[[Entry], "str | None"]
"""Gets the entry, not yet masked; returns ``completed``, ``failed``, an error type, or None: as it is."""
_Candidate = tuple[Callable[[str, int], object] | None, str]
"""What tells whether the path is meant that begins there in a URL, None for all, and the name of the integration."""


class Integration:
    """A third party that the host works with: what it is called, and how its calls are recognised.

    ``hosts`` are where the host calls it: ``api.stripe.com``, ``*.zendesk.com`` for every name below, with a path
    where several share a host: ``www.googleapis.com/calendar/*``. ``paths`` are those of the host's own application
    where it calls back: ``/webhooks/stripe``, ``/hooks/stripe/*``. ``classify`` gets each entry of it at its end and
    returns ``completed``, ``failed`` or an error type where the status code alone would be wrong, else None.
    ``reauthorize`` is the host's own way to connect it anew. ``error_docs`` and ``token_docs`` are addresses: how it
    words its errors, and how it says that a token was revoked. One that has a name of the catalogue adds to that.
    """

    def __init__(
        self,
        name: str,
        *,
        title: str | None = None,
        hosts: Iterable[str] = (),
        paths: Iterable[str] = (),
        classify: Classify | None = None,
        reauthorize: Callable[..., Any] | None = None,
        error_docs: str | None = None,
        token_docs: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
            raise ConfigurationError(f"Integration: name takes a text of 1 to {MAX_NAME} characters, not {name!r}")
        if title is not None and not isinstance(title, str):
            raise ConfigurationError(f"Integration: title takes a text, not {title!r}")
        for option, value in (("classify", classify), ("reauthorize", reauthorize)):
            if value is not None and not callable(value):
                raise ConfigurationError(f"Integration: {option} takes a callable, not {value!r}")
        self.name = name
        self.title = title
        self.hosts = [_read_host(host) for host in _texts("hosts", hosts)]
        self.paths = [_read_path(path) for path in _texts("paths", paths)]
        self.classify = classify
        self.reauthorize = reauthorize
        self.error_docs = _read_address("error_docs", error_docs)
        self.token_docs = _read_address("token_docs", token_docs)

    def __repr__(self) -> str:
        return f"Integration({self.name!r})"


class Integrations:
    """All integrations that are known: the host's own first, then the catalogue."""

    def __init__(self, own: Sequence[Integration] = (), known: Sequence[Known] = CATALOGUE) -> None:
        for integration in own:
            if not isinstance(integration, Integration):
                raise ConfigurationError(f"integrations takes a list of Integration, not {integration!r}")
        catalogue = [Integration(k.name, title=k.title, hosts=k.hosts) for k in known]
        self._known = {k.name: k for k in known}
        self._own: dict[str, list[Integration]] = {}
        for integration in own:
            self._own.setdefault(integration.name, []).append(integration)
        self._classify = {i.name: i.classify for i in reversed(own) if i.classify}
        self._hosts = (_Hosts(own), _Hosts(catalogue))
        paths = [(path, i.name) for i in own for path in i.paths]
        self._path_names = [name for _, name in paths]
        self._paths = re.compile("|".join(f"({_pattern(path)})" for path, _ in paths)).match if paths else None
        self._remembered: dict[str, Sequence[_Candidate]] = {}

    def label(self, entry: Entry) -> None:
        """Name the integration of an entry that has none. It is not published yet, so it may still change."""
        if entry.integration is not None:
            return
        name = None
        if entry.kind == "outbound":
            name = None if entry.host is None else self.of_call(entry.host, entry.url)
        elif self._paths is not None and entry.kind == "inbound" and (url := entry.url) is not None:
            match = self._paths(url, _path_start(url))
            name = None if match is None else self._path_names[(match.lastindex or 0) - 1]
        if name is not None:
            force_setattr(entry, "integration", name)

    def of_call(self, host: str, url: str | None) -> str | None:
        """Return the name of the integration that a call to this host goes to, or None where it is not known."""
        candidates = self._remembered.get(host)
        if candidates is None:
            candidates = self._remember(host)
        if not candidates:
            return None
        start, target = -1, url or ""
        for matches, name in candidates:
            if matches is None:
                return name
            start = _path_start(target) if start < 0 else start
            if matches(target, start):
                return name
        return None

    def _remember(self, host: str) -> Sequence[_Candidate]:
        name = _PORT.sub("", host).rstrip(".").lower()
        found = tuple(candidate for hosts in self._hosts for candidate in hosts.candidates(name))
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[host] = found
        return found

    def classify(self, entry: Entry) -> None:
        """Have the host decide how the entry ended; raises what its callable raises, and for a word nobody knows."""
        classify = self._classify.get(entry.integration or "")
        if classify is None:
            return
        with at_work():
            verdict = classify(entry)
        if verdict is not None:
            _decide(entry, verdict)

    def title(self, name: str) -> str:
        """Return what people call an integration; its name where nobody has said."""
        known = self._known.get(name)
        return self._said(name, "title") or (known.title if known else name)

    def error_docs(self, name: str) -> str | None:
        """Return where it is documented how this integration words its errors."""
        known = self._known.get(name)
        return self._said(name, "error_docs") or (known.error_docs if known else None)

    def token_docs(self, name: str) -> str | None:
        """Return where it is documented how this integration says that a token was revoked."""
        known = self._known.get(name)
        return self._said(name, "token_docs") or (known.token_docs if known else None)

    def _said(self, name: str, field: str) -> str | None:
        return next((value for i in self._own.get(name, ()) if (value := getattr(i, field))), None)


class _Hosts:
    """Patterns of hosts, to be found by the host's own name and by the ends of it."""

    def __init__(self, integrations: Iterable[Integration]) -> None:
        self._exact: dict[str, list[_Candidate]] = {}
        self._below: dict[str, list[_Candidate]] = {}
        for integration in integrations:
            for host, path in integration.hosts:
                index, key = (self._below, host[1:]) if host.startswith("*") else (self._exact, host)
                index.setdefault(key, []).append((_matcher(path) if path else None, integration.name))
        for index in (self._exact, self._below):
            for listed in index.values():
                # what names a path goes before what is for all the rest
                listed.sort(key=lambda candidate: candidate[0] is None)

    def candidates(self, host: str) -> Iterator[_Candidate]:
        """Yield what the host may be: what has its whole name first, then what has the longest end of it."""
        yield from self._exact.get(host, ())
        dot = host.find(".")
        while dot >= 0:
            yield from self._below.get(host[dot:], ())
            dot = host.find(".", dot + 1)


def _path_start(url: str) -> int:
    """Return where the path begins in a URL, of which only the target may be known."""
    if url.startswith("/"):
        return 0
    authority = url.find("://") + 3
    start, query = url.find("/", authority), url.find("?", authority)
    return len(url) if start < 0 or -1 < query < start else start


def _matcher(pattern: str) -> Callable[[str, int], object]:
    if pattern.endswith("*") and pattern.count("*") == 1:
        prefix = pattern[:-1]
        return lambda url, start: url.startswith(prefix, start)
    return re.compile(_pattern(pattern)).match


def _pattern(pattern: str) -> str:
    return "[^?#]*".join(map(re.escape, pattern.split("*"))) + _END


def _decide(entry: Entry, verdict: str) -> None:
    if verdict == "completed":
        status, error_type = verdict, None
    elif verdict == "failed":
        status, error_type = verdict, entry.error_type
    elif verdict in ERROR_TYPES:
        status, error_type = "failed", verdict
    else:
        raise ValueError("classify returned something else than completed, failed, an error type or None")
    force_setattr(entry, "status", status)
    force_setattr(entry, "error_type", error_type)
    force_setattr(entry, "has_errors", status == "failed" or bool(entry.errors))
    entry.labels[STATUS_BY] = "classify"


def _texts(option: str, values: Iterable[str]) -> list[str]:
    listed = [] if isinstance(values, str) or not isinstance(values, Iterable) else [*values]
    if (not listed and values not in ((), [])) or not all(isinstance(value, str) for value in listed):
        raise ConfigurationError(f"Integration: {option} takes a list of texts, not {values!r}")
    return listed


def _read_host(pattern: str) -> tuple[str, str | None]:
    host, slash, path = pattern.partition("/")
    if not _HOST.fullmatch(host.lower()):
        raise ConfigurationError(
            f"Integration: hosts takes names such as api.stripe.com, *.zendesk.com or "
            f"www.googleapis.com/calendar/*, without scheme and port, not {pattern!r}"
        )
    return host.lower(), slash + path or None


def _read_path(pattern: str) -> str:
    if not pattern.startswith(("/", "*")):
        raise ConfigurationError(f"Integration: paths takes paths such as /webhooks/stripe, not {pattern!r}")
    return pattern


def _read_address(option: str, address: str | None) -> str | None:
    if address is not None and not (isinstance(address, str) and address.startswith(("https://", "http://"))):
        raise ConfigurationError(f"Integration: {option} takes an address of the web, not {address!r}")
    return address
