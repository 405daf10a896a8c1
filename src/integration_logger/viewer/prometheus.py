"""Health in the text format that Prometheus scrapes (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from integration_logger.health import REASONS, Health
from integration_logger.viewer.health import Overview

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "integration_logger_"
COUNTED: Final = {
    "captured": "Entries put on a spool, or in memory where there is none.",
    "captured_bytes": "Bytes of those.",
    "discarded": "Entries that a processor left out.",
    "failed": "Failures of logging itself.",
    "redaction_failed": "Entries whose content was left out because it could not be redacted.",
    "labels_failed": "Entries without the labels of the host, because its callable raised.",
    "classify_failed": "Entries whose outcome their integration could not say, because its callable raised.",
    "shipped": "Entries written to the store.",
    "rejected": "Entries that the store or the codec refused.",
    "corrupt": "Damaged stretches of a spool that were set aside.",
    "shipping_errors": "Times that writing to the store failed.",
    "observer_errors": "Times that an observer failed and was tried again.",
}
"""Counters over all processes of the store, those that have ended included."""


def text(overview: Overview) -> str:
    """Return all metrics. While the store is away the counters are left out: that is no reset."""
    return "".join(f"{line}\n" for line in _lines(overview))


def _lines(overview: Overview) -> Iterator[str]:
    total, info = overview.total, overview.info
    if total is not None:
        yield from _counters(total)
        yield from _gauge("backlog_bytes", "Bytes that wait for the store.", total.backlog_bytes)
        yield from _gauge("backlog_seconds", "How long the oldest of them has been waiting.", total.backlog_seconds)
        lags = [(f'{{observer="{_escaped(name)}"}}', seconds) for name, seconds in total.observers.items()]
        yield from _metric("observer_lag_seconds", "gauge", "How long an observer has been behind the log.", lags)
        heard = sum(map(overview.is_heard, overview.processes))
        yield from _gauge("processes", "Processes that were heard of within the last minute.", heard)
    states = [(f'{{status="{status}"}}', overview.status == status) for status in ("ok", "degraded", "failing")]
    yield from _metric("status", "gauge", "How the logging does: 1 for the status that holds.", states)
    yield from _gauge("problems", "Things that are wrong now.", len(overview.problems))
    yield from _gauge("durable", "1 where entries outlive the death of every process.", overview.durable)
    yield from _gauge("store_up", "1 where the store can be read.", overview.store_problem is None)
    if info is not None:
        yield from _gauge("store_entries", "Entries in the store.", info.entries)
        yield from _gauge("store_bytes", "Bytes that the store takes.", info.bytes)
        if info.oldest is not None:
            yield from _gauge("store_oldest_timestamp_seconds", "Start of the oldest entry.", info.oldest.timestamp())
    if overview.losses:
        last = overview.losses[0].last.timestamp()
        yield from _gauge("last_loss_timestamp_seconds", "When an entry was lost the last time.", last)


def _counters(total: Health) -> Iterator[str]:
    for name, meaning in COUNTED.items():
        yield from _metric(f"{name}_total", "counter", meaning, [("", getattr(total, name))])
    # each reason from the start, or the first loss would be no increase
    dropped = dict.fromkeys(REASONS, 0) | total.dropped
    samples = [(f'{{reason="{_escaped(reason)}"}}', count) for reason, count in dropped.items()]
    yield from _metric("dropped_total", "counter", "Entries lost, by reason.", samples)


def _gauge(name: str, meaning: str, value: float) -> Iterator[str]:
    return _metric(name, "gauge", meaning, [("", value)])


def _metric(name: str, kind: str, meaning: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {meaning}"
    yield f"# TYPE {PREFIX}{name} {kind}"
    for labels, value in samples:
        yield f"{PREFIX}{name}{labels} {value if isinstance(value, float) else int(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
