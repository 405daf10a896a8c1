"""Bodies of outbound calls, seen part by part as they pass: nothing is drained, joined or held back.

What is put in place of a stream passes for it: ``isinstance`` and all attributes are those of the stream itself. So
one class serves both libraries. Sync and async have their own: who is handed a stream asks what it can do.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from integration_logger.adapters.httpx_call import OutboundCall

    _Base = wrapt.ObjectProxy[Any]
else:
    _Base = wrapt.ObjectProxy


class Proxy(_Base):
    """Passes for what it stands in front of, also where that is printed, copied or pickled; a copy is not seen."""

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> Any:
        return copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


def _is_sync(stream: Any) -> bool:
    return getattr(type(stream), "__iter__", None) is not None


def _is_async(stream: Any) -> bool:
    return getattr(type(stream), "__aiter__", None) is not None


class _Parts(Proxy):
    """What goes over the parts of a body. The three callables never raise."""

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


class _SyncParts(_Parts):
    def __iter__(self) -> _SyncParts:
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


class _AsyncParts(_Parts):
    __iter__: Any = None  # the proxy has one, and who asks whether this can be iterated over would be told so

    def __aiter__(self) -> _AsyncParts:
        return self

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


class _SyncRequestStream(RequestStream):
    def __iter__(self) -> _SyncParts:
        call = self._self_call
        return _SyncParts(iter(self.__wrapped__), call.sent, call.sent_all, _look_away)


class _AsyncRequestStream(RequestStream):
    __iter__: Any = None

    def __aiter__(self) -> _AsyncParts:
        call = self._self_call
        return _AsyncParts(self.__wrapped__.__aiter__(), call.sent, call.sent_all, _look_away)


class _EitherRequestStream(_SyncRequestStream, _AsyncRequestStream): ...


def request_stream(inner: Any, call: OutboundCall) -> RequestStream:
    """Return what passes for the body of a request, and can be iterated over in the same ways."""
    if _is_sync(inner):
        return (_EitherRequestStream if _is_async(inner) else _SyncRequestStream)(inner, call)
    return _AsyncRequestStream(inner, call)


class ResponseStream(Proxy):
    """The body that comes back; its end, its breaking off and its closing end the call."""

    def __init__(self, inner: Any, call: OutboundCall) -> None:
        super().__init__(inner)
        self._self_call = call

    def __del__(self) -> None:
        with suppress(Exception):  # one that was never made has no call
            self._self_call.closed()


class _SyncResponseStream(ResponseStream):
    def __iter__(self) -> _SyncParts:
        call = self._self_call
        return _SyncParts(iter(self.__wrapped__), call.received, call.ended, call.broke)

    def close(self) -> None:
        """Close the stream."""
        try:
            self.__wrapped__.close()
        except BaseException as error:
            self._self_call.broke(error)
            raise
        self._self_call.closed()


class _AsyncResponseStream(ResponseStream):
    __iter__: Any = None

    def __aiter__(self) -> _AsyncParts:
        call = self._self_call
        return _AsyncParts(self.__wrapped__.__aiter__(), call.received, call.ended, call.broke)

    async def aclose(self) -> None:
        """Close the stream."""
        try:
            await self.__wrapped__.aclose()
        except BaseException as error:
            self._self_call.broke(error)
            raise
        self._self_call.closed()


class _EitherResponseStream(_SyncResponseStream, _AsyncResponseStream): ...


def response_stream(inner: Any, call: OutboundCall) -> ResponseStream:
    """Return what passes for the body of an answer, and can be iterated over in the same ways."""
    if _is_sync(inner):
        return (_EitherResponseStream if _is_async(inner) else _SyncResponseStream)(inner, call)
    return _AsyncResponseStream(inner, call)


def _look_away(error: BaseException) -> None:
    """See nothing."""
