"""Counts by value and by time, within the scope, and bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integration_logger.filters import FACETS
from integration_logger.query import ALL
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from integration_logger.viewer.figures import MAX_FIELDS, MAX_VALUES
from tests.viewer.server import Client, new_entry, viewer

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_facets_count_the_values_of_each_field(store: MemoryStore, api: Client) -> None:
    """Values come as filters take them, the most frequent first; labels are asked for by name."""
    store.write([new_entry(status_code=200, labels={"plan": "pro"}) for _ in range(3)])
    store.write([new_entry(status_code=None, labels={"plan": ["pro", "trial"]})])
    found = api.get("/api/facets?field=status_code&field=label.plan&field=outcome").json()
    assert found == {
        "fields": {
            "status_code": {"values": [{"value": "200", "count": 3}, {"value": "none", "count": 1}], "left_out": 0},
            "label.plan": {"values": [{"value": "pro", "count": 4}, {"value": "trial", "count": 1}], "left_out": 0},
            "outcome": {"values": [{"value": "success", "count": 3}, {"value": "error", "count": 1}], "left_out": 0},
        },
        "covered": 4,
        "complete": True,
    }
    for field, counted in found["fields"].items():
        for value in counted["values"]:
            items = api.get("/api/entries", params={field: value["value"]}).json()["items"]
            assert len(items) == value["count"], (field, value)


def test_every_facet_can_be_asked_for(store: MemoryStore, api: Client) -> None:
    """All fields that are worth counting are counted, in one question."""
    store.write([new_entry()])
    answer = api.get("/api/facets", params=[("field", field) for field in FACETS])
    assert set(answer.json()["fields"]) == set(FACETS)


def test_facets_say_how_many_values_they_left_out(store: MemoryStore, api: Client) -> None:
    """A field with a thousand values gives the most frequent ones only."""
    store.write([new_entry(user_id=str(number)) for number in range(MAX_VALUES + 7)])
    counted = api.get("/api/facets?field=user_id").json()["fields"]["user_id"]
    assert (len(counted["values"]), counted["left_out"]) == (MAX_VALUES, 7)


def test_stats_count_by_stretch_of_time(store: MemoryStore, api: Client) -> None:
    """Each stretch has its outcomes and classes of status; durations have their spread over all."""
    store.write([
        new_entry(started_at=NOON + timedelta(minutes=minute), status_code=code, duration=minute / 10)
        for minute, code in ((1, 200), (2, 503), (61, 200))
    ])  # fmt: skip
    found = api.get("/api/stats?since=2026-11-21T12:00:00Z&till=2026-11-21T14:00:00Z&bucket=3600").json()
    assert found == {
        "bucket": 3600,
        "buckets": [
            {"start": "2026-11-21T12:00:00.000000Z", "success": 1, "error": 1, "status_classes": {"2xx": 1, "5xx": 1}},
            {"start": "2026-11-21T13:00:00.000000Z", "success": 1, "error": 0, "status_classes": {"2xx": 1}},
        ],
        "success": 2,
        "error": 1,
        "p50": 0.2,
        "p95": 6.1,
        "p99": 6.1,
        "complete": True,
    }


@pytest.mark.parametrize(
    ("params", "seconds"),
    [
        ("since=2026-11-21T12:00:00Z&till=2026-11-21T13:00:00Z", 60),
        ("since=2026-11-20&till=2026-11-21", 900),
        ("since=2020-01-01&till=2026-11-21", 604_800),
        ("", 86400),
    ],
)
def test_stats_choose_a_length_that_fits_the_range(api: Client, params: str, seconds: int) -> None:
    """A short range falls into minutes, a day into quarters of an hour, a log without bounds into days."""
    assert api.get(f"/api/stats?{params}").json()["bucket"] == seconds


@pytest.mark.parametrize("route", ["/api/facets?field=tenant", "/api/stats?x="])
def test_figures_stay_within_the_scope(store: MemoryStore, route: str) -> None:
    """A reader counts what they may see, and is refused a foreign tenant."""
    store.write([new_entry(tenant="a"), new_entry(tenant="b"), new_entry(tenant=None)])
    own = Client(viewer(store, Principal("bea", role="supervisor", tenants={"a"})))
    found = own.get(route.replace("?x=", "?")).json()
    assert "b" not in str(found.get("fields", ""))
    assert found.get("covered", found.get("success", 0) + found.get("error", 0)) == 1
    refused = own.get(f"{route}&tenant=b".replace("?x=&", "?"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "outside_scope")


def test_audit_entries_are_counted_for_those_who_may_see_them(store: MemoryStore) -> None:
    """They are left out unless asked for by name, and always for readers without that permission."""
    store.write([new_entry(kind="audit"), new_entry()])
    owner = Client(viewer(store))
    other = Client(viewer(store, Principal("bo", role="supervisor", tenants=ALL)))
    for client, params, covered in ((owner, "", 1), (owner, "&kind=audit", 1), (other, "&kind=audit", 0)):
        assert client.get(f"/api/facets?field=kind{params}").json()["covered"] == covered


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/facets", "field"), ("/api/facets?field=colour", "field"), ("/api/facets?field=label.", "field"),
        ("/api/facets?field=trace_id", "field"), ("/api/facets?field=tenant&limit=5", "limit"),
        ("/api/facets?field=tenant&colour=red", "colour"), ("/api/facets?field=request", "field"),
        ("/api/facets?" + "&".join(f"field=label.{n}" for n in range(MAX_FIELDS + 1)), "field"),
        ("/api/stats?bucket=61", "bucket"), ("/api/stats?bucket=0", "bucket"), ("/api/stats?bucket=hour", "bucket"),
        ("/api/stats?bucket=-60", "bucket"), ("/api/stats?bucket=60&bucket=120", "bucket"),
        ("/api/stats?bucket=60", "bucket"), ("/api/stats?bucket=60&since=2020-01-01&till=2026-01-01", "bucket"),
        ("/api/stats?cursor=5", "cursor"), ("/api/stats?order=asc", "order"), ("/api/stats?field=kind", "field"),
    ],
)  # fmt: skip
def test_names_the_parameter_that_is_wrong(api: Client, path: str, field: str) -> None:
    """What cannot be counted, or would fall into too many stretches, is refused before the store is asked."""
    answer = api.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["field"] == field
