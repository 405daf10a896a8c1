"""Health as OpenTelemetry metrics, collected by the real SDK."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from integration_logger import IntegrationLogger, Redactor
from integration_logger.errors import ConfigurationError
from integration_logger.health import Health
from integration_logger.telemetry import COUNTERS, GAUGES, PREFIX
from tests.docs import pages
from tests.records import record


class Collected:
    """What a provider has collected."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def points(self) -> dict[str, float]:
        """Return the value of each metric, those of several reasons with their reason."""
        data = self._reader.get_metrics_data()
        assert data is not None
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        assert scope.scope.name == "integration_logger"
        found = {}
        for metric in scope.metrics:
            assert metric.unit
            assert metric.description
            for point in metric.data.data_points:
                name = " ".join([metric.name.removeprefix(PREFIX), *map(str, (point.attributes or {}).values())])
                found[name] = point.value  # type: ignore[union-attr]
        return found


@pytest.fixture
def collected() -> Iterator[Collected]:
    made = Collected()
    yield made
    made.provider.shutdown()


def test_what_health_says_is_collected(collected: Collected, tmp_path: Path) -> None:
    """Counters and gauges are those of ``log.health()`` at each collection."""
    with closing(IntegrationLogger(f"sqlite:///{tmp_path}/log.db", redact=Redactor())) as log:
        log.instrument_metrics(collected.provider)
        assert collected.points()["entry.captured"] == 0
        record(log)
        assert log.flush()
        points, health = collected.points(), log.health()
    assert (points["entry.captured"], points["entry.shipped"]) == (1, 1)
    assert points["entry.size"] == health.captured_bytes > 0
    assert (points["backlog.size"], points["durable"], points["problem"]) == (0, 1, 0)


def test_losses_are_told_by_reason(collected: Collected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reason has a number of its own, also before the first loss."""
    log = IntegrationLogger(None)
    log.instrument_metrics(collected.provider)
    assert collected.points()["entry.dropped spool full"] == 0
    log.recorder.dropped["spool full"] += 2
    log.recorder.failures["redaction_failed"] += 1
    points = collected.points()
    assert (points["entry.dropped spool full"], points["entry.dropped memory full"]) == (2, 0)
    assert points["redaction.failure"] == 1


def test_every_count_of_health_has_a_metric() -> None:
    """No field of ``Health`` is left out but the times of losses, and every metric is documented."""
    fields = {field for field, _, _ in (*COUNTERS.values(), *GAUGES.values())}
    assert fields == {*Health.__struct_fields__} - {"losses"}
    documented = pages.listed("docs/guides/monitoring.md", "OpenTelemetry")
    assert documented == [PREFIX + name for name in (*COUNTERS, *GAUGES)]


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API is needed only where metrics are asked for."""
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(ConfigurationError, match=r"integration-logger\[opentelemetry\]"):
        IntegrationLogger(None).instrument_metrics()
