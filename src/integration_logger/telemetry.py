"""Health of one process as OpenTelemetry metrics, for hosts that export metrics already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from integration_logger.errors import ConfigurationError
from integration_logger.health import REASONS, Health

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

COUNTERS: Final = {
    "entry.captured": ("captured", "{entry}", "Entries put on the spool, or in memory where there is none."),
    "entry.size": ("captured_bytes", "By", "Bytes of those."),
    "entry.dropped": ("dropped", "{entry}", "Entries lost, by reason."),
    "entry.discarded": ("discarded", "{entry}", "Entries that a processor left out."),
    "entry.shipped": ("shipped", "{entry}", "Entries that this process wrote to the store."),
    "entry.rejected": ("rejected", "{entry}", "Entries that the store or the codec refused."),
    "failure": ("failed", "{failure}", "Failures of logging itself."),
    "redaction.failure": ("redaction_failed", "{entry}", "Entries without content, which could not be redacted."),
    "labels.failure": ("labels_failed", "{entry}", "Entries without the labels of the host."),
    "classify.failure": ("classify_failed", "{entry}", "Entries whose integration could not say how they ended."),
    "spool.corrupt": ("corrupt", "{stretch}", "Damaged stretches of the spool that were set aside."),
    "shipping.error": ("shipping_errors", "{error}", "Times that writing to the store failed."),
    "observer.error": ("observer_errors", "{error}", "Times that an observer failed and was tried again."),
}
"""Field of ``Health``, unit and meaning of each counter."""
GAUGES: Final = {
    "backlog.size": ("backlog_bytes", "By", "Bytes that wait for the store."),
    "backlog.age": ("backlog_seconds", "s", "How long the oldest of them has been waiting."),
    "observer.lag": ("observers", "s", "How long each observer that runs here has been behind the log."),
    "durable": ("durable", "1", "1 where entries outlive the death of this process."),
    "problem": ("problems", "{problem}", "Things that are wrong now."),
}
PREFIX: Final = "integration_logger."
REASON: Final = "integration_logger.reason"
"""Attribute of what was dropped."""
OBSERVER: Final = "integration_logger.observer"
"""Attribute of how far one observer is."""


def instrument(health: Callable[[], Health], provider: MeterProvider | None) -> None:
    """Have the provider, or the global one, ask for the health whenever it collects metrics."""
    try:
        from opentelemetry.metrics import get_meter
    except ImportError:
        raise ConfigurationError(
            "metrics need the OpenTelemetry API: pip install integration-logger[opentelemetry]"
        ) from None
    meter = get_meter("integration_logger", version("integration-logger"), provider)
    for name, (field, unit, meaning) in COUNTERS.items():
        meter.create_observable_counter(PREFIX + name, [_observer(health, field)], unit, meaning)
    for name, (field, unit, meaning) in GAUGES.items():
        meter.create_observable_gauge(PREFIX + name, [_observer(health, field)], unit, meaning)


def _observer(health: Callable[[], Health], field: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
    from opentelemetry.metrics import Observation

    def observe(_: CallbackOptions) -> Iterator[Observation]:
        value = getattr(health(), field)
        if field == "dropped":
            # each reason from the start, or the first loss would be no increase
            for reason, count in {**dict.fromkeys(REASONS, 0), **value}.items():
                yield Observation(count, {REASON: reason})
        elif isinstance(value, dict):
            for name, seconds in value.items():
                yield Observation(seconds, {OBSERVER: name})
        else:
            yield Observation(len(value) if isinstance(value, tuple) else +value)

    return observe
