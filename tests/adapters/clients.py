"""Clients of both libraries, sync and async, driven in one way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest

VERIFY = ssl.create_default_context()
"""One for all clients, because to make it takes longer than most tests."""


class Library(NamedTuple):
    """One of the libraries, with one of its two clients."""

    module: ModuleType
    is_async: bool

    def __str__(self) -> str:
        return f"{self.module.__name__}-{'async' if self.is_async else 'sync'}"

    def make(self, **options: Any) -> Any:
        """Return a new client."""
        return (self.module.AsyncClient if self.is_async else self.module.Client)(**{"verify": VERIFY} | options)

    def parts(self, *parts: bytes, error: BaseException | None = None) -> Any:
        """Return a body to be sent or answered with, part by part, that may break off."""
        return _async_parts(parts, error) if self.is_async else _parts(parts, error)

    def transport(self, answer: Callable[[Any], Any]) -> Any:
        """Return a transport that reads the request's body as the network does, and does what the function says."""
        base = self.module.AsyncBaseTransport if self.is_async else self.module.BaseTransport
        return type("Scripted", (_Scripted, base), {})(answer)


LIBRARIES = [Library(module, is_async) for module in (httpx, httpx2) for is_async in (False, True)]

every_library = pytest.mark.parametrize("library", LIBRARIES, ids=str)


def _parts(parts: Iterable[bytes], error: BaseException | None) -> Iterator[bytes]:
    yield from parts
    if error is not None:
        raise error


async def _async_parts(parts: Iterable[bytes], error: BaseException | None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if error is not None:
        raise error


class _Scripted:
    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer = answer
        self.sent: list[list[bytes]] = []
        self.closed = False

    def handle_request(self, request: Any) -> Any:
        self.sent.append([*request.stream])
        return self.answer(request)

    async def handle_async_request(self, request: Any) -> Any:
        self.sent.append([part async for part in request.stream])
        return self.answer(request)

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


class Caller:
    """Makes calls with a client."""

    def __init__(self, client: Any, runner: asyncio.Runner | None) -> None:
        self.client = client
        self._runner = runner

    def wait(self, made: Any) -> Any:
        """Return what a method of the client returns, in the end."""
        return made if self._runner is None else self._runner.run(made, context=copy_context())

    def request(self, method: str, url: Any, **options: Any) -> Any:
        """Make a call and return its answer, read."""
        return self.wait(self.client.request(method, url, **options))

    def get(self, url: Any, **options: Any) -> Any:
        """Make a call and return its answer, read."""
        return self.request("GET", url, **options)

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request."""
        return self.wait(self.client.send(request, **options))

    def stream(
        self, method: str, url: Any, way: str = "iter_raw", take: int | None = None, **options: Any
    ) -> list[Any]:
        """Make a call and return so many parts of its answer as they come, then close it."""
        if self._runner is None:
            return self._stream(method, url, way, take, options)
        return self._runner.run(self._stream_async(method, url, way, take, options))

    def _stream(self, method: str, url: Any, way: str, take: int | None, options: Any) -> list[Any]:
        found: list[Any] = []
        with self.client.stream(method, url, **options) as response:
            for part in getattr(response, way)() if take != 0 else ():
                found.append(part)
                if len(found) == take:
                    break
        return found

    async def _stream_async(self, method: str, url: Any, way: str, take: int | None, options: Any) -> list[Any]:
        found: list[Any] = []
        async with self.client.stream(method, url, **options) as response:
            if take != 0:
                async for part in getattr(response, f"a{way}")():
                    found.append(part)
                    if len(found) == take:
                        break
        return found


@contextmanager
def calling(client: Any) -> Iterator[Caller]:
    """Make calls with a client, which is closed at the end."""
    if not hasattr(client, "aclose"):
        with client:
            yield Caller(client, None)
        return
    with asyncio.Runner() as runner:
        try:
            yield Caller(client, runner)
        finally:
            runner.run(client.aclose())
