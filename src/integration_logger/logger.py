"""The one object that a host holds: it wires adapters, recorder, spool, shipper, store and log browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from integration_logger import options, telemetry
from integration_logger.adapters import spans
from integration_logger.adapters.asgi import ASGIApp, ASGIMiddleware, Labels
from integration_logger.adapters.calls import CallCapture, ScriptCapture, Variables
from integration_logger.adapters.paths import Patterns
from integration_logger.adapters.runs import ExternalIp, RunCapture
from integration_logger.adapters.spans import Span
from integration_logger.adapters.wsgi import EnvironLabels, WSGIApp, WSGIMiddleware
from integration_logger.capture import Capture, Detached
from integration_logger.compat import Compat
from integration_logger.context import attempts, current, own
from integration_logger.entry import Entry
from integration_logger.integrations import Integration
from integration_logger.lifecycle import Lifecycle
from integration_logger.processors import Processor
from integration_logger.proxies import TrustedProxies
from integration_logger.query import EVERYTHING, Query
from integration_logger.recorder import ConstantLabels, Recorder
from integration_logger.redaction import Redactor
from integration_logger.retention import Retention
from integration_logger.runs import RunCallback, RunFinished, last_run
from integration_logger.shipping.detectors import DETECTORS
from integration_logger.spool.writer import Spool
from integration_logger.stores.base import Purged, Store
from integration_logger.stores.erasures import erase, read_erasure
from integration_logger.transactions import Transaction
from integration_logger.viewer import Viewer, WSGIViewer
from integration_logger.viewer.access import Authorize
from integration_logger.viewer.audit import Act, Audit
from integration_logger.viewer.changes import erased

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from integration_logger.adapters.httpx import Outbound, RequestLabels

Client = TypeVar("Client")
Transport = TypeVar("Transport")

ANNOUNCE_AFTER: Final = 2.0
"""Seconds after which a call that has not ended is shown as under way."""
MAX_BODY: Final = 64 * 1024
"""Bytes kept of each body; the true size is always recorded."""
FLUSH_SECONDS: Final = 5.0
"""How long an erasure waits for what was recorded here to reach the store."""


class IntegrationLogger(Lifecycle):
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
        integrations: Sequence[Integration] | None = (),
        detectors: Sequence[str] = DETECTORS,
        processors: Sequence[Processor] = (),
        labels: ConstantLabels | None = None,
        retention: Retention | str | None = None,
        max_body: int = MAX_BODY,
        announce_after: float = ANNOUNCE_AFTER,
        trusted_proxies: Iterable[str] = (),
        external_ip: ExternalIp = None,
        ship: Literal["thread", "process"] | None = "thread",
    ) -> None:
        self._external_ip = options.read_external_ip(external_ip)
        super().__init__(
            store,
            spool=spool,
            retention=retention,
            announce_after=announce_after,
            ship=ship,
            detectors=detectors,
        )
        self.integrations = options.read_integrations(integrations)
        self.recorder = Recorder(
            self._writer or self._queue,
            options.read_redactor(redact),
            max_body=options.read_max_body(max_body),
            processors=options.read_callables("processors", processors),
            labels=labels,
            trusted_proxies=TrustedProxies(trusted_proxies) if trusted_proxies else None,
            integrations=self.integrations,
            start=self.start,
            stop=self.close,
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Build a logger from ``INTEGRATION_LOGGER_STORE``, ``_SPOOL``, ``_RETENTION`` and ``_MAX_BODY``.

        Without ``INTEGRATION_LOGGER_STORE`` nothing is recorded. An unknown variable with this prefix raises
        ``ConfigurationError``, so that a misspelt one is not passed over in silence.
        """
        return cls(**options.read_environment(os.environ if environ is None else environ))

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

    def wsgi(
        self,
        app: WSGIApp,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: EnvironLabels | None = None,
        bodies: bool = True,
    ) -> WSGIApp:
        """Wrap a WSGI app: ``app.wsgi_app = log.wsgi(app.wsgi_app)`` (Flask), or outermost, ``app = log.wsgi(app)``.

        The options are those of ``asgi``; ``labels`` gets the environ.
        """
        middleware = WSGIMiddleware(app, self.recorder, include=include, exclude=exclude, labels=labels, bodies=bodies)
        return middleware if self.enabled else app

    def call(self, method: str, **labels: object) -> Span[CallCapture]:
        """Record a call with the outside world that is not HTTP: ``with log.call("C2E", integration="c2e") as call:``.

        ``method`` is the host's word for this sort of call. The keywords are labels. Also goes before a function, and
        with ``async with``. Within, ``call.request(...)`` and ``call.response(...)`` keep what passed.
        """
        spans.check_name("call", method)
        return (
            Span(self.recorder, lambda: CallCapture(self.recorder, method), labels) if self.enabled else spans.NOTHING
        )

    def script(self, name: str, *, variables: Variables = None, **labels: object) -> Span[ScriptCapture]:
        """Record a piece of the host's own code, with its variables: ``with log.script("price rule", variables=...):``.

        ``variables`` is a dict, or a callable that returns one; it is read when the script has ended. The keywords are
        labels. Also goes before a function, and with ``async with``.
        """
        spans.check_name("script", name)
        if not self.enabled:
            return spans.NOTHING
        return Span(self.recorder, lambda: ScriptCapture(self.recorder, name, variables), labels)

    def run(self, name: str, *, job_id: object = None, **labels: object) -> Span[RunCapture]:
        """Record a run of a pipeline or model: ``with log.run("orders", log_type="pipeline", job_id=702) as run:``.

        The keywords are labels. Also goes before a function, and with ``async with``. Within, ``run.add_rows(...)``,
        ``run.savepoint(...)``, ``run.set(...)`` and ``with run.setup():`` tell how far it is.
        """
        spans.check_name("run", name)
        if not self.enabled:
            return spans.NOTHING
        return Span(self.recorder, lambda: RunCapture(self.recorder, name, job_id, self._external_ip), labels)

    def last_run(self, log_type: str | None = None, *, job_id: object = None, **filters: object) -> Entry | None:
        """Return the run that ended last, however it ended, or None: ``log.last_run("pipeline", job_id=702)``.

        It is found about a second after its end. The keywords are filters, such as ``tenant="1"`` or
        ``outcome="success"``. Raises ``StoreError`` where the store cannot be read.
        """
        if not self.enabled:
            return None
        self.store.open()
        return last_run(self.store, log_type, job_id, filters)

    def httpx(
        self,
        client: Client,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: RequestLabels | None = None,
        bodies: bool = True,
        propagate: bool = False,
    ) -> Client:
        """Record what a client of httpx or httpx2 sends, and return it: ``client = log.httpx(httpx.AsyncClient())``.

        ``include`` and ``exclude`` are lists of patterns for host and path (``api.stripe.com/*``), ``labels`` a
        callable that gets the request and returns a dict, asked when the call ends. ``bodies=False`` keeps sizes
        only. ``propagate=True`` sends a ``traceparent`` along.
        """
        outbound = self._outbound(include=include, exclude=exclude, labels=labels, bodies=bodies, propagate=propagate)
        return outbound.client(client) if self.enabled else client

    def transport(
        self,
        inner: Transport,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: RequestLabels | None = None,
        bodies: bool = True,
        propagate: bool = False,
    ) -> Transport:
        """Record what goes through a transport: within one that retries, every attempt is seen.

        The options are those of ``httpx``.
        """
        outbound = self._outbound(include=include, exclude=exclude, labels=labels, bodies=bodies, propagate=propagate)
        return outbound.transport(inner) if self.enabled else inner

    def instrument_httpx(
        self,
        *,
        include: Patterns = (),
        exclude: Patterns = (),
        labels: RequestLabels | None = None,
        bodies: bool = True,
        propagate: bool = False,
    ) -> Callable[[], None]:
        """Record what every client of httpx and httpx2 in this process sends, ``httpx.get()`` included.

        Returns the function that ends this. The options are those of ``httpx``.
        """
        outbound = self._outbound(include=include, exclude=exclude, labels=labels, bodies=bodies, propagate=propagate)
        return outbound.instrument() if self.enabled else lambda: None

    def _outbound(self, **options: Any) -> Outbound:
        from integration_logger.adapters.httpx import Outbound  # only hosts that send need what it needs

        return Outbound(self.recorder, **options)

    @contextmanager
    def attempts(self) -> Iterator[None]:
        """Have the calls that are made within become attempts of one call: ``with log.attempts(): ...``."""
        token = attempts.set(Transaction(self.recorder, attempts.get(), own(current.get(), self.recorder)))
        try:
            yield
        finally:
            with suppress(ValueError):  # ended from another context, as a generator may be
                attempts.reset(token)

    def current(self) -> Capture | Detached:
        """Return the captured call that this code runs in, to ``label``, ``error`` or ``discard`` it.

        Outside of one, the answer takes the same calls and does nothing.
        """
        return own(current.get(), self.recorder) or Detached()

    # --- observers ----------------------------------------------------------------------------------

    def on_run_finished(self, callback: RunCallback | None = None, *, name: str | None = None) -> Any:
        """Have a callback called with the ``Entry`` of each run that ended, in one of all processes that register it.

        ``@log.on_run_finished`` or ``log.on_run_finished(callback, name="retrain")``. Its place in the log is kept
        under the name (of itself the callback's module and name), so that it goes on there after a restart. Where it
        raises, the same run is tried again later; a process that is killed within it has another one call it again.
        """
        if callback is None:
            return partial(self.on_run_finished, name=name)
        self.observers.add(RunFinished(*options.read_callback(callback, name)))
        return callback

    # --- the log browser ----------------------------------------------------------------------------

    def viewer(self, *, authorize: Authorize | None = None, **options: Any) -> Viewer:
        """Return the log browser as an ASGI app: ``app.mount("/logs", log.viewer(authorize=who))``.

        ``authorize`` gets the request and returns a ``Principal``, or None for nobody. Options: ``title``,
        ``theme``, ``frame_ancestors``, ``support_url``, ``enabled_for``, ``applications``.
        """
        return Viewer(
            self.store,
            authorize=authorize,
            health=self.health,
            on_request=self.start,
            retention=self.retention,
            integrations=self.integrations,
            audit=Audit(self.recorder.record, self.recorder.trusted_proxies) if self.enabled else None,
            erase=self._erase,
            **options,
        )

    def viewer_wsgi(self, *, authorize: Authorize, **options: Any) -> WSGIViewer:
        """Return the log browser as a WSGI app, for Werkzeug's ``DispatcherMiddleware`` and the like.

        ``authorize`` is called in the thread of the host, and finds the environ in ``request.scope["wsgi.environ"]``.
        Options: those of ``viewer``.
        """
        return WSGIViewer(self.viewer(authorize=authorize, **options))

    # --- erasing ------------------------------------------------------------------------------------

    def erase(self, *, dry_run: bool = False, **filters: object) -> Purged:
        """Delete every entry that matches: ``log.erase(user_id="42", tenant="1")``; return how many those were.

        Takes the filters of the API; several values of one are a list. What matches and is still on its way to the
        store is deleted when it arrives, for 7 days. With ``dry_run`` it only counts. Raises ``QueryError`` where a
        filter is unknown, empty, or missing altogether, and ``StoreError`` where the store cannot do it now.
        """
        query = read_erasure(filters, EVERYTHING)
        done = self._erase(query, dry_run)
        if self.enabled and not dry_run:
            self.recorder.record(Act("erase", lambda capture: capture.label(**erased(query, done))))
        return done

    def _erase(self, query: Query, dry_run: bool) -> Purged:
        if not dry_run:
            self.flush(FLUSH_SECONDS)  # what does not arrive by then is erased later
        self.store.open()
        return erase(self.store, query, dry_run=dry_run)

    # --- for other programs -------------------------------------------------------------------------

    @property
    def compat(self) -> Compat:
        """What clients of other products expect, answered from this log: ``log.compat.kondado(authorize=who)``."""
        return Compat(self.store, self.start)

    def instrument_metrics(self, meter_provider: MeterProvider | None = None) -> None:
        """Have OpenTelemetry collect what ``health`` returns, by the given provider or the global one; call it once.

        Raises ``ConfigurationError`` where the OpenTelemetry API is not installed.
        """
        telemetry.instrument(self.health, meter_provider)
