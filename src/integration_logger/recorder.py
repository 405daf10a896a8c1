"""From a finished capture to bytes on the spool: processors, redaction, encoding.

This is the one place where errors of logging are caught. Whatever fails, the host gets nothing of it, and
nothing that is not redacted goes on: an entry whose processing fails keeps only what cannot hold a secret.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, Final, Protocol

from msgspec.structs import force_setattr, replace

from integration_logger import codec
from integration_logger.capture import Capture, add_labels
from integration_logger.context import at_work, other
from integration_logger.entry import LABEL_COLUMNS, PHASES, Entry
from integration_logger.errors import ConfigurationError
from integration_logger.forks import this_process
from integration_logger.health import Loss, add_loss
from integration_logger.integrations import ERROR_TYPES, Integrations
from integration_logger.processors import Processor
from integration_logger.proxies import TrustedProxies

logger = logging.getLogger("integration_logger")

WARN_EVERY: Final = 60.0
"""Seconds between two warnings of the same sort on the logger ``integration_logger``."""

KEPT_WITHIN: Final = 2.0
"""Seconds after which a call looks after the spool itself: where threads do not run between requests."""

KNOWN_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))

ConstantLabels = Mapping[str, object] | Callable[[], Mapping[str, object] | None]


class Redacts(Protocol):
    """What the recorder needs of a Redactor."""

    def prepare(self) -> None:
        """Begin, in a thread, what would make the first entries wait."""
        ...

    def redact(self, entry: Entry, max_body: int) -> Entry:
        """Return the entry with every secret masked and bodies cut to ``max_body`` bytes."""
        ...


class Appends(Protocol):
    """What the recorder needs of a spool."""

    def append(self, payload: bytes) -> str | None:
        """Keep one encoded entry; return None, or the reason why it was dropped."""
        ...


class Recorder:
    """Takes captures from the adapters; ``record`` never raises."""

    def __init__(
        self,
        spool: Appends,
        redactor: Redacts,
        *,
        max_body: int,
        processors: Sequence[Processor] = (),
        labels: ConstantLabels | None = None,
        trusted_proxies: TrustedProxies | None = None,
        integrations: Integrations | None = None,
        start: Callable[[], None] = lambda: None,
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        if labels is not None and not callable(labels) and not isinstance(labels, Mapping):
            raise ConfigurationError(f"labels takes a dict, or a callable that returns one, not {labels!r}")
        self.spool = spool
        self.redactor = redactor
        self.max_body = max_body
        self.processors = processors
        self.labels = labels
        self.trusted_proxies = trusted_proxies
        self.integrations = integrations
        """Names the third party of a call, and asks the host how it ended; None: nobody is recognised."""
        self.start = start
        """Begins shipping, if it has not begun; called when the host starts and with the first record."""
        self.stop = stop
        """Ships what is left; called when the host shuts down."""
        self.started_in = 0
        """The process that ships; another number in a forked child, which must begin anew."""
        self.keep: Callable[[], object] = lambda: None
        """Does what is due now and then, where no thread does it."""
        self.kept_at = inf
        """When that was done last, by the monotonic clock of captures; infinite before the start."""
        self.under_way: dict[str, Capture] = {}
        """Calls that have begun and not ended, by id, the oldest first; adapters put them here."""
        self.captured = self.captured_bytes = 0
        self.discarded = 0
        self.dropped: Counter[str] = Counter()
        """Entries lost, by reason."""
        self.losses: Sequence[Loss] = ()
        self.failures: Counter[str] = Counter()
        """``failed``, ``redaction_failed``, ``labels_failed``, ``classify_failed``."""
        self._warned: dict[str, float] = {}

    def record(self, capture: Capture) -> None:
        """Put a finished capture on the spool."""
        self.under_way.pop(capture.id, None)
        if capture.outer is not None:  # what goes on from one to the next would hold all before it
            capture.outer = other(capture.outer, self)
        if capture.discarded:
            return
        try:
            try:
                entry = self._completed(capture.finish())
                if entry is None:
                    self.discarded += 1
                    return
                payload = codec.encode(self.redactor.redact(entry, self.max_body))
            except Exception as error:
                self.failed(error, "redaction_failed")
                payload = codec.encode(bare(capture))
            process = this_process()
            dropped = self.spool.append(payload)
            if dropped is None:
                self.captured += 1
                self.captured_bytes += len(payload)
            else:
                self._lost(dropped)
            if self.started_in != process:  # last, so that an entry is kept although nothing can be shipped
                self.start()
            elif capture.started > self.kept_at + KEPT_WITHIN:
                self.keep()
        except Exception as error:
            self.failed(error)

    def _completed(self, entry: Entry) -> Entry | None:
        """Return the entry with what is known besides the call itself; None where a processor leaves it out."""
        if self.labels is not None:
            self._put_labels(entry)
        if self.integrations is not None:
            self.integrations.label(entry)
            self._classify(self.integrations, entry)
        if not self.processors or entry.kind == "audit":  # what readers did is not for processors to leave out
            return entry
        return self._process(entry)

    def _process(self, entry: Entry) -> Entry | None:
        for processor in self.processors:
            with at_work():
                processed = processor(entry)
            if processed is None:
                return None
            entry = processed
        return entry

    def _classify(self, integrations: Integrations, entry: Entry) -> None:
        try:
            integrations.classify(entry)
        except Exception as error:
            self.failed(error, "classify_failed")

    def _put_labels(self, entry: Entry) -> None:
        try:
            more: dict[str, str | list[str]] = {}
            add_labels(more, self._more_labels() or {})
        except Exception as error:  # without labels an entry is seen by fewer, never by more
            self.failed(error, "labels_failed")
        else:
            _fill_labels(entry, more)

    def _more_labels(self) -> Mapping[str, object] | None:
        if not callable(self.labels):
            return self.labels
        with at_work():
            return self.labels()

    def after_response(self, parent: Capture, error: Exception) -> None:
        """Record what was raised after an answer was complete, as an entry of its own within that call."""
        try:
            if parent.discarded:
                return
            capture = Capture("call")
            capture.inherit(parent)
            capture.labels = parent.all_labels(ended=True)
            capture.operation, capture.route = "after-response", parent.route
            capture.fail("exception", error)
            self.record(capture)
        except Exception as problem:
            self.failed(problem)

    def _lost(self, reason: str) -> None:
        self.dropped[reason] += 1
        self.losses = add_loss(self.losses, reason)
        self.warn("dropped", "an entry was dropped: %s", reason)

    def so_far(self, capture: Capture) -> Entry:
        """Return what may be told of a call under way, redacted; never raises."""
        try:
            entry = capture.so_far()
            if isinstance(self.labels, Mapping):
                self._put_labels(entry)
            if self.integrations is not None:
                self.integrations.label(entry)
            return self.redactor.redact(entry, 0)
        except Exception as error:
            self.failed(error, "redaction_failed")
            return replace(bare(capture), status="processing", has_errors=False, errors=())

    def begin_anew(self) -> None:
        """In a forked child: calls under way and counts are the parent's."""
        self.under_way.clear()
        self.started_in = self.captured = self.captured_bytes = self.discarded = 0
        self.kept_at = inf
        self.dropped.clear()
        self.losses = ()
        self.failures.clear()

    def failed(self, error: Exception, what: str = "failed") -> None:
        """Count a failure of logging and warn, at most once a minute, without a word of what was captured."""
        self.failures[what] += 1
        # the error's own text may quote the data that it failed on
        self.warn(what, "recording an entry failed: %s", type(error).__name__)

    def warn(self, what: str, text: str, *values: object) -> None:
        """Warn on the logger ``integration_logger``, at most once a minute for each sort."""
        now = monotonic()
        if now - self._warned.get(what, -WARN_EVERY) >= WARN_EVERY:
            self._warned[what] = now
            with suppress(Exception):  # handlers and filters are the host's
                logger.warning(text, *values)


def _fill_labels(entry: Entry, labels: dict[str, Any]) -> None:
    """Put labels where the entry has none of that name. It is not published yet, so it may still change."""
    for name, value in labels.items():
        if name in LABEL_COLUMNS:
            if getattr(entry, name) is None:
                force_setattr(entry, name, value)
        else:
            entry.labels.setdefault(name, value)


def bare(capture: Capture) -> Entry:
    """Return what is left of a call whose redaction failed: nothing that a stranger could have written."""
    code = capture.status_code
    failed = capture.status != "completed" if code is None else capture.status == "failed" or code >= 400
    return Entry(
        id=capture.id,
        kind=capture.kind,
        started_at=capture.started_at,
        status="failed" if failed else "completed",
        transaction_id=capture.transaction_id or capture.id,
        attempt=capture.attempt,
        parent_id=capture.parent_id,
        status_code=code,
        error_type=capture.error_type if capture.error_type in ERROR_TYPES else None,
        phase=capture.phase if capture.phase in PHASES else None,
        errors=("the entry could not be redacted, so its content was not kept",),
        has_errors=True,
        first_byte=capture.first_byte,
        duration=capture.duration,
        method=capture.method if capture.method in KNOWN_METHODS else None,
        route=capture.route,
        redacted=("entry: redaction_failed",),
    )
