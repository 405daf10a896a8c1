"""Bodies of outbound calls, seen part by part as they pass: nothing is drained, joined or held back.

What is put in place of a stream passes for it: ``isinstance`` and all attributes are those of the stream itself. So
one class serves both libraries, sync and async.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from integration_logger.adapters.httpx_call import OutboundCall

    Proxy = wrapt.ObjectProxy[Any]
else:
    Proxy = wrapt.ObjectProxy


class _Parts(Proxy):
    """An iterator over the parts of a body. The three callables never raise."""

    def __init__(
        self,
        inner: Any,
        saw: Callable[[bytes], None],
        ended: Callable[[], None],
        broke: Callable[[BaseException], None],
    ) -> None:
        super().__init__(inner)
        self._self_saw = saw
        self._self_ended = ended
        self._self_broke = broke

    def __iter__(self) -> _Parts:
        return self

    def __aiter__(self) -> _Parts:
        return self

    def __next__(self) -> bytes:
        try:
            part: bytes = self.__wrapped__.__next__()
        except StopIteration:
            self._self_ended()
            raise
        except BaseException as error:
            self._self_broke(error)
            raise
        self._self_saw(part)
        return part

    async def __anext__(self) -> bytes:
        try:
            part: bytes = await self.__wrapped__.__anext__()
        except StopAsyncIteration:
            self._self_ended()
            raise
        except BaseException as error:
            self._self_broke(error)
            raise
        self._self_saw(part)
        return part


class RequestStream(Proxy):
    """The body that is sent; what breaks it comes out of the call itself."""

    def __init__(self, inner: Any, call: OutboundCall) -> None:
        super().__init__(inner)
        self._self_call = call

    def __iter__(self) -> _Parts:
        call = self._self_call
        return _Parts(iter(self.__wrapped__), call.sent, call.sent_all, _look_away)

    def __aiter__(self) -> _Parts:
        call = self._self_call
        return _Parts(self.__wrapped__.__aiter__(), call.sent, call.sent_all, _look_away)


class ResponseStream(Proxy):
    """The body that comes back; its end, its breaking off and its closing end the call."""

    def __init__(self, inner: Any, call: OutboundCall) -> None:
        super().__init__(inner)
        self._self_call = call

    def __iter__(self) -> _Parts:
        call = self._self_call
        return _Parts(iter(self.__wrapped__), call.received, call.ended, call.broke)

    def __aiter__(self) -> _Parts:
        call = self._self_call
        return _Parts(self.__wrapped__.__aiter__(), call.received, call.ended, call.broke)

    def close(self) -> None:
        """Close the stream."""
        try:
            self.__wrapped__.close()
        except BaseException as error:
            self._self_call.broke(error)
            raise
        self._self_call.closed()

    async def aclose(self) -> None:
        """Close the stream."""
        try:
            await self.__wrapped__.aclose()
        except BaseException as error:
            self._self_call.broke(error)
            raise
        self._self_call.closed()

    def __del__(self) -> None:
        with suppress(Exception):  # one that was never made has no call
            self._self_call.closed()


def _look_away(error: BaseException) -> None:
    """See nothing."""
