"""The one object that a host holds: it wires adapters, recorder, spool, shipper, store and log browser."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic, sleep
from typing import Any, Final, Literal, Self

import msgspec

from integration_logger import options
from integration_logger.adapters.asgi import ASGIApp, ASGIMiddleware, Labels
from integration_logger.adapters.paths import Patterns
from integration_logger.capture import Capture, Detached
from integration_logger.context import current
from integration_logger.errors import ConfigurationError
from integration_logger.health import Health
from integration_logger.processors import Processor
from integration_logger.proxies import TrustedProxies
from integration_logger.recorder import ConstantLabels, Recorder
from integration_logger.redaction import Redactor
from integration_logger.retention import Retention
from integration_logger.shipper import Shipper, ShipperThread
from integration_logger.spool import MemoryQueue, Spool, SpoolWriter
from integration_logger.stores import safe_url, store_from_url
from integration_logger.stores.base import Store
from integration_logger.viewer import Viewer
from integration_logger.viewer.access import Authorize

MAX_BODY: Final = 64 * 1024
"""Bytes kept of each body; the true size is always recorded."""
CLOSE_SECONDS: Final = 2.0
"""How long the end of the process waits for the last entries to reach the store; the rest stays on the spool."""


class IntegrationLogger:
    """Logs every call that an application has with the outside world, and shows the log.

    ``store`` is a URL (``sqlite:///integration-logs.db``, ``memory:``), a ``Store``, or None: nothing is recorded.
    No thread, file or connection is opened before the first call. Raises ``ConfigurationError`` for a wrong value;
    after that, nothing of logging ever reaches the host.
    """

    def __init__(
        self,
        store: str | Store | None,
        *,
        spool: str | os.PathLike[str] | Spool | None = Spool(),  # noqa: B008 - a value without state
        redact: Redactor | None = None,
        processors: Sequence[Processor] = (),
        labels: ConstantLabels | None = None,
        retention: Retention | str | None = None,
        max_body: int = MAX_BODY,
        trusted_proxies: Iterable[str] = (),
        ship: Literal["thread"] | None = "thread",
    ) -> None:
        self.enabled = store is not None
        self.retention = options.read_retention(retention)
        self._ship = options.one_of("ship", ship, ("thread", None))
        self._owns_store = not hasattr(store, "write")
        self.store: Store = store_from_url(store or "memory:") if store is None or isinstance(store, str) else store
        self._url = safe_url(store) if isinstance(store, str) else f"{type(store).__module__}.{type(store).__name__}"
        self._spool = options.read_spool(spool, store)
        self._writer = self._make_writer()
        self._queue = MemoryQueue() if self._writer is None else self._writer.memory
        self._shipper = self._make_shipper()
        self._thread: ShipperThread | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.recorder = Recorder(
            self._writer or self._queue,
            redact or Redactor(),
            max_body=options.read_bytes("max_body", max_body),
            processors=options.read_callables("processors", processors),
            labels=labels,
            trusted_proxies=TrustedProxies(trusted_proxies) if trusted_proxies else None,
            start=self.start,
        )
        _loggers.add(self)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Build a logger from ``INTEGRATION_LOGGER_STORE``, ``_SPOOL``, ``_RETENTION`` and ``_MAX_BODY``.

        Without ``INTEGRATION_LOGGER_STORE`` nothing is recorded. An unknown variable with this prefix raises
        ``ConfigurationError``, so that a misspelt one is not passed over in silence.
        """
        prefix = "INTEGRATION_LOGGER_"
        found = {k.removeprefix(prefix).lower(): v for k, v in (environ or os.environ).items() if k.startswith(prefix)}
        if unknown := found.keys() - {"store", "spool", "retention", "max_body"}:
            raise ConfigurationError(f"unknown environment variable {prefix}{min(unknown).upper()}")
        given: dict[str, Any] = {name: found[name] for name in ("spool", "retention") if found.get(name)}
        if found.get("max_body"):
            given["max_body"] = options.read_whole_number(f"{prefix}MAX_BODY", found["max_body"])
        return cls(found.get("store") or None, **given)

    # --- adapters -----------------------------------------------------------------------------------

    def asgi(
        self,
        app: ASGIApp,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: Labels | None = None,
        bodies: bool = True,
    ) -> ASGIApp:
        """Wrap an ASGI app: ``app.add_middleware(log.asgi)``, or outermost, ``app = log.asgi(app)``.

        ``include`` and ``exclude`` are lists of path patterns (``/health*``), ``labels`` a callable that gets the
        scope and returns a dict, asked when the call ends. ``bodies=False`` keeps sizes only.
        """
        middleware = ASGIMiddleware(app, self.recorder, include=include, exclude=exclude, labels=labels, bodies=bodies)
        return middleware if self.enabled else app

    def current(self) -> Capture | Detached:
        """Return the captured call that this code runs in, to ``label``, ``error`` or ``discard`` it.

        Outside of one, the answer takes the same calls and does nothing.
        """
        return current.get() or Detached()

    # --- the log browser ----------------------------------------------------------------------------

    def viewer(self, *, authorize: Authorize, **options: Any) -> Viewer:
        """Return the log browser as an ASGI app: ``app.mount("/logs", log.viewer(authorize=who))``.

        ``authorize`` gets the request and returns a ``Principal``, or None for nobody. Options: ``title``,
        ``theme``, ``frame_ancestors``, ``support_url``.
        """
        return Viewer(
            self.store,
            authorize=authorize,
            health=lambda: msgspec.structs.asdict(self.health()),
            on_request=self.start,
            retention=self.retention,
            **options,
        )

    # --- running ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin shipping; called by the first record, the host's start-up and the first look at the log."""
        if self.recorder.started_in != os.getpid():
            with self._lock:
                self._start()

    def _start(self) -> None:
        if self.recorder.started_in == os.getpid() or self._closed:
            return
        if self._ship == "thread" and self.enabled:
            self._thread = ShipperThread(self._shipper, self._writer, fsync=self._spool.fsync if self._spool else None)
            atexit.register(_close_at_exit, weakref.ref(self))
        self.recorder.started_in = os.getpid()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was recorded here is in the store; return whether it is.

        With ``ship=None`` it is enough that it is on the spool.
        """
        self.start()
        deadline = monotonic() + timeout
        while not self._settled():
            if monotonic() >= deadline:
                return False
            if self._thread is not None:
                self._thread.wake()
            sleep(0.005)
        return True

    def _settled(self) -> bool:
        if self._thread is None or self._writer is None:
            return not len(self._queue)
        return self._writer.shipped()

    def health(self) -> Health:
        """Return what was kept and lost since this process began, and what is wrong now."""
        recorder, shipped, writer = self.recorder, self._shipper.counts, self._writer
        problems = [p for p in (writer and writer.problem, self._shipper.problem) if p]
        return Health(
            captured=recorder.captured,
            dropped=dict(recorder.dropped),
            discarded=recorder.discarded,
            failed=recorder.failures["failed"],
            redaction_failed=recorder.failures["redaction_failed"],
            labels_failed=recorder.failures["labels_failed"],
            shipped=shipped["shipped"],
            rejected=shipped["rejected"],
            corrupt=shipped["corrupt"],
            backlog_bytes=self._shipper.backlog,
            durable=writer is not None and writer.problem is None,
            problems=tuple(problems),
        )

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Ship what is left, for at most ``timeout`` seconds, and stop; what remains waits on the spool."""
        if self._closed:
            return
        if self._thread is not None and self._shipper.problem is None:
            self.flush(timeout)
        self._closed = True
        if self._writer is not None:
            self._writer.close()
        if self._thread is not None:
            self._thread.stop(timeout)
        if self._owns_store:
            self.store.close()

    def _make_writer(self) -> SpoolWriter | None:
        if self._spool is None or self._spool.folder is None:
            return None
        return SpoolWriter(self._spool.folder, self._url, max_bytes=self._spool.max_bytes)

    def _make_shipper(self) -> Shipper:
        folder = None if self._writer is None else self._writer.folder
        return Shipper(self.store, self.retention, url=self._url, folder=folder, memory=self._queue)

    def _after_fork(self) -> None:
        """In a forked child: the threads are gone and the files are the parent's."""
        self._lock = threading.Lock()
        self._thread = None
        self._shipper.close()
        self._shipper = self._make_shipper()
        self._queue.clear()
        if self._writer is not None:
            self._writer.after_fork()


_loggers: weakref.WeakSet[IntegrationLogger] = weakref.WeakSet()


def _after_fork() -> None:
    for logger in _loggers:
        logger._after_fork()


os.register_at_fork(after_in_child=_after_fork)


def _close_at_exit(reference: weakref.ref[IntegrationLogger]) -> None:
    logger = reference()
    if logger is not None:
        logger.close()
