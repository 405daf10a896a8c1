"""Calls that go out through httpx and httpx2: seen at the transport, where every attempt and every failure passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

import wrapt

from integration_logger.adapters.adapter import Adapter, report
from integration_logger.adapters.httpx_call import OutboundCall
from integration_logger.adapters.httpx_marks import Noted, is_new
from integration_logger.adapters.httpx_streams import Proxy
from integration_logger.adapters.httpx_unsent import Unsent
from integration_logger.adapters.paths import Patterns
from integration_logger.context import current, unrecorded
from integration_logger.errors import ConfigurationError

if TYPE_CHECKING:
    from contextvars import Token

    from integration_logger.capture import Capture
    from integration_logger.recorder import Recorder

Client = TypeVar("Client")
Inner = TypeVar("Inner")
RequestLabels = Callable[[Any], Mapping[str, object] | None]
Undo = Callable[[], None]

LIBRARIES: Final = ("httpx", "httpx2")

_clients: Noted = WeakKeyDictionary()
"""Which loggers are installed in a client."""


class Outbound(Adapter):
    """Records what clients send; made once for each client, transport or process that the logger is installed in."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: RequestLabels | None = None,
        bodies: bool = True,
        propagate: bool = False,
    ) -> None:
        super().__init__(recorder, include=include, exclude=exclude, labels=labels, bodies=bodies)
        if not isinstance(propagate, bool):
            raise ConfigurationError(f"propagate takes True or False, not {propagate!r}")
        self.propagate = propagate

    def begin(self, request: Any) -> OutboundCall | None:
        """Return the attempt that begins, or None if it is not recorded; never raises."""
        try:
            if unrecorded.get() or not self.wants(request.url):
                return None
            return OutboundCall(self, request)
        except Exception as error:
            report(self.recorder, error)
            return None

    def wants(self, url: Any) -> bool:
        """Tell whether calls to this URL are recorded: patterns are compared with host and path."""
        return not self.wanted.limited or self.wanted(f"{url.netloc.decode('ascii', 'replace')}{url.path}")

    # --- installing -----------------------------------------------------------------------------------

    def transport(self, inner: Inner) -> Inner:
        """Return what passes for the transport and records what goes through it."""
        if not any(callable(getattr(inner, name, None)) for name in ("handle_request", "handle_async_request")):
            raise ConfigurationError(f"transport takes a transport of httpx or httpx2, not {inner!r}")
        return inner if self._is_in(inner) else cast(Inner, Transport(inner, self))

    def _is_in(self, transport: object) -> bool:
        return type(transport) is Transport and transport._self_outbound.recorder is self.recorder

    def client(self, client: Client) -> Client:
        """Put this in front of the client's transports, in place: proxies from the environment have theirs, too."""
        found: Any = client
        mounts = getattr(found, "_mounts", None)
        if not isinstance(mounts, dict) or not hasattr(found, "_transport"):
            raise ConfigurationError(f"httpx takes a client of httpx or httpx2, not {client!r}")
        if not is_new(found, _clients, self.recorder):
            return client
        found._transport = self.transport(found._transport)
        for pattern, transport in mounts.items():
            mounts[pattern] = transport and self.transport(transport)
        Unsent(self).install(found)
        return client

    def instrument(self) -> Undo:
        """Put this in front of every client of the process; the function that is returned takes it out again."""
        undo = [undo for library in _libraries() for undo in self._instrument(library)]
        if not undo:
            raise ConfigurationError("instrument_httpx needs httpx or httpx2, and neither is installed")

        def undo_all() -> None:
            for each in undo:
                each()

        return undo_all

    def _instrument(self, library: Any) -> list[Undo]:
        unsent = Unsent(self)
        return [
            _patch(library.Client, "build_request", unsent.build),
            _patch(library.Client, "send", unsent.send),
            _patch(library.Client, "_send_single_request", partial(self._through, pass_through)),
            _patch(library.AsyncClient, "send", unsent.send_async),
            _patch(library.AsyncClient, "_send_single_request", partial(self._through, pass_through_async)),
        ]

    def _through(self, way: Callable[..., Any], send: Callable[[Any], Any], args: Any, given: Any) -> Any:
        return way(self, send, *args, **given)


class Transport(Proxy):
    """A transport that is seen; ``isinstance`` and all attributes are those of the transport itself."""

    def __init__(self, inner: object, outbound: Outbound) -> None:
        super().__init__(inner)
        self._self_outbound = outbound

    def __enter__(self) -> Any:
        return self._entered(self.__wrapped__.__enter__())

    async def __aenter__(self) -> Any:
        return self._entered(await self.__wrapped__.__aenter__())

    def _entered(self, given: object) -> Any:
        """Return what a ``with`` statement gets: this, where the transport gives itself."""
        return self if given is self.__wrapped__ else given

    def __copy__(self) -> Any:
        return Transport(copy(self.__wrapped__), self._self_outbound)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return Transport(deepcopy(self.__wrapped__, memo), self._self_outbound)

    def handle_request(self, request: Any) -> Any:
        """Make one attempt."""
        return pass_through(self._self_outbound, self.__wrapped__.handle_request, request)

    async def handle_async_request(self, request: Any) -> Any:
        """Make one attempt."""
        return await pass_through_async(self._self_outbound, self.__wrapped__.handle_async_request, request)


def pass_through(outbound: Outbound, send: Callable[[Any], Any], request: Any) -> Any:
    """Send a request and return the response, or raise what came instead, as if nobody looked on."""
    call = outbound.begin(request)
    if call is None:
        return send(request)
    token = current.set(call.capture)
    try:
        response = send(request)
    except BaseException as error:
        call.raised(error)
        raise
    finally:
        _leave(token)
    call.answered(response)
    return response


async def pass_through_async(outbound: Outbound, send: Callable[[Any], Any], request: Any) -> Any:
    """Do the same where sending is awaited."""
    call = outbound.begin(request)
    if call is None:
        return await send(request)
    token = current.set(call.capture)
    try:
        response = await send(request)
    except BaseException as error:
        call.raised(error)
        raise
    finally:
        _leave(token)
    call.answered(response)
    return response


def _leave(token: Token[Capture | None]) -> None:
    try:
        current.reset(token)
    except ValueError:  # closed from another context, as the garbage collector does
        current.set(None)


def _libraries() -> list[Any]:
    found = {}
    for name in LIBRARIES:
        try:
            library = import_module(name)
        except ImportError:
            continue
        found[library.__name__] = library  # one may stand in for the other
    return [*found.values()]


def _patch(owner: type, name: str, instead: Callable[[Any, Any, Any], Any]) -> Undo:
    """Put a function around a method, which gets that and its arguments; return what takes it away again."""
    owner = next(each for each in owner.__mro__ if name in vars(each))
    original, active = vars(owner)[name], [True]

    def wrapper(method: Any, client: object, args: Any, given: Any) -> Any:
        return instead(method, args, given) if active else method(*args, **given)

    patched = wrapt.FunctionWrapper(original, wrapper)
    setattr(owner, name, patched)

    def undo() -> None:
        active.clear()
        if vars(owner)[name] is patched:  # else somebody has wrapped it again: this one only looks away from now on
            setattr(owner, name, original)

    return undo
