"""The page of runs, their JSON, and names from strangers in list, filters and jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from integration_logger import ALL, ConfigurationError, Principal
from integration_logger.entry import InFlight, Run
from integration_logger.stores import open_store
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from integration_logger.testing import recording
from integration_logger.viewer.charts import chart
from integration_logger.viewer.sidebar import MOST, MOST_APPLICATIONS
from tests.viewer.server import OWNER, Client, new_entry, viewer

EMPTY: dict[str, Any] = dict.fromkeys(("url", "method", "host", "route", "status_code", "request", "response"))
HOSTILE = (
    "\0",
    "a\0b",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "<script>alert(1)</script>",
    "'\"`{{7*7}}",
    "\x1b[31m",
    " ",
    "\ud800",
)


def new_run(name: str = "orders", id: str | None = "702", **fields: Any) -> Any:
    """Return a run that has just begun and ended."""
    run = Run(job_id=id, job_name=name, row_count=7)
    common = {
        "kind": "run",
        "operation": name,
        "log_type": "pipeline",
        "tenant": "1",
        "application": "shop",
        "run": run,
    }
    ended = {"status": "completed", "errors": (), "has_errors": False, "error_type": None}
    return new_entry(**EMPTY | ended | common | {"labels": {"job_id": id} if id else {}} | fields)


def page(store: Store, path: str = "/runs", principal: Principal = OWNER, **options: Any) -> str:
    answer = Client(viewer(store, principal, **options)).get(path)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer.text


def names(text: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="job-name"><a [^>]*>([^<]*)<', text)]


def test_a_job_is_what_has_one_id(store: MemoryStore) -> None:
    """Whatever it was called; of each tenant and type one; without an id it is the name."""
    store.write([new_run("old"), new_run("new"), new_run("new", tenant="2"), new_run("new", log_type="model")])
    store.write([new_run("a", None), new_run("a", None), new_run("b", None)])
    assert names(page(store)) == ["b", "a", "new", "new", "new"]


def test_the_address_of_a_job_is_about_it_alone(store: MemoryStore) -> None:
    """Two tenants may use the same id."""
    store.write([new_run("ours"), new_run("theirs", tenant="2"), new_run("other", "7")])
    (address,) = re.findall(r'class="job-name"><a href="([^"]*)" title="theirs"', page(store))
    text = page(store, f"/runs{unescape(address)}")
    assert '<h1 id="job">theirs</h1>' in text
    assert "1 run," in text


def test_open_runs_come_first(store: MemoryStore) -> None:
    """With the rows so far."""
    store.write([new_run()])
    store.write([], in_flight=[InFlight(owner="one", entry=new_run(status="processing", duration=None))])
    text = page(store)
    assert "Still open" in text
    assert "2 runs, 0 failed" in text


def test_the_filter_of_failures(store: MemoryStore) -> None:
    """The page takes the filters of the list."""
    store.write([new_run("good", "1"), new_run("bad", "2", status="failed", errors=("no\u202e route",))])
    assert names(page(store, "/runs?outcome=error")) == ["bad"]
    text = page(store, "/runs?label.job_id=2")
    assert "no\u2039U+202E\u203a route" in text
    assert Client(viewer(store)).get("/runs?colour=red").status_code == 400
    assert "This filter does not work" in Client(viewer(store)).get("/runs?colour=red").text


def test_nothing_there_teaches(store: MemoryStore) -> None:
    """An empty page shows the lines that make a run."""
    assert "log.run(" in page(store)
    assert "All jobs" in page(store, "/runs?tenant=9")


LIMITED = Principal("bo", role="bot_builder", tenants=["1"], applications=["shop"])


def test_readers_see_their_own_jobs(store: MemoryStore) -> None:
    """The scope holds in the page, in its JSON and for runs that go on; a foreign tenant is refused."""
    theirs = [
        new_run("of another tenant", tenant="2"),
        new_run("of another bot", application="x"),
        new_run("none", tenant=None),
    ]
    store.write([new_run("mine"), *theirs])
    foreign = new_run("open", tenant="2", status="processing")
    store.write([], in_flight=[InFlight(owner="one", entry=foreign)])
    assert names(page(store, principal=LIMITED)) == ["mine"]
    reader = Client(viewer(store, LIMITED))
    found = reader.get("/api/runs").json()
    assert [item["operation"] for item in found["items"] + found["in_flight"]] == ["mine"]
    assert reader.get("/api/runs?tenant=2").status_code == 403
    assert reader.get("/runs?tenant=2").status_code == 403


def test_without_view_there_is_nothing(store: MemoryStore) -> None:
    """The permission is asked for by both."""
    nobody = Principal("cy", role="agent", tenants=ALL)
    assert Client(viewer(store, nobody)).get("/runs").status_code == 403
    assert Client(viewer(store, nobody)).get("/api/runs").status_code == 403


def test_runs_are_runs_whatever_is_asked(store: MemoryStore) -> None:
    """No filter widens what the route is about."""
    store.write([new_run(), new_entry(kind="call"), new_entry(kind="audit")])
    reader = Client(viewer(store))
    for query in ("", "?kind=call", "?kind=audit", "?kind=run&kind=call", "?q=kind:audit", "?not.kind=run"):
        assert {item["kind"] for item in reader.get(f"/api/runs{query}").json()["items"]} <= {"run"}


def test_the_drawing() -> None:
    """The newest are at the right; heights are shares of the longest; rows that were not told leave no point."""
    runs = [new_run(duration=d, run=Run(row_count=r)) for d, r in ((1.0, 5), (4.0, None), (None, 10))]
    drawn = chart(runs, 10)
    assert [bar.id for bar in drawn.bars] == [run.id for run in reversed(runs)]
    assert [bar.height for bar in drawn.bars] == [2, 90, 22.5]
    assert drawn.bars[-1].x > 890
    assert len(drawn.rows.split()) == 2
    assert (drawn.longest, drawn.most_rows) == ("4.00 s", "10")
    assert chart([], 10).bars == []
    assert chart([new_run(duration=None, run=None)], 10).rows == ""


# --- applications ---------------------------------------------------------------------------------------


def test_applications_without_entries_are_offered(store: MemoryStore) -> None:
    """All that there are, within the reader's scope, in the list and beside its counts."""
    store.write([new_entry(application="shop")])
    options = {"applications": lambda _: ["silent", "shop", "<b>", 7]}
    for path in ("/", "/?part=around"):
        text = page(store, path, **options)
        for name in ("silent", "shop", "&lt;b&gt;", "7"):
            assert f'data-key="application:{name}"' in text
    limited = Principal("bo", role="owner", tenants=ALL, applications=["shop", "silent"])
    text = page(store, "/", limited, **options)
    assert "application:silent" in text
    assert "application:7" not in text


@pytest.mark.parametrize("wrong", [lambda _: 1 / 0, lambda _: 7, lambda: (), lambda _: None])
def test_applications_that_cannot_be_told(store: MemoryStore, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The page is there without them."""
    store.write([new_entry(application="shop")])
    assert 'id="rows"' in page(store, "/", applications=wrong)


def test_very_many_applications(store: MemoryStore) -> None:
    """As many as a reader can look through; the search box reaches all others."""
    text = page(store, "/", applications=lambda _: (f"bot {n}" for n in range(1_000_000)))
    assert text.count('data-key="application:') == MOST_APPLICATIONS


def test_applications_takes_a_callable(store: MemoryStore) -> None:
    """Anything else is refused when the browser is built."""
    with pytest.raises(ConfigurationError, match="applications takes a callable"):
        viewer(store, applications=["shop"])


# --- names from strangers -------------------------------------------------------------------------------


@pytest.fixture(params=["memory:", "sqlite"])
def any_store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/log.db" if request.param == "sqlite" else request.param)
    yield store
    store.close()


def test_names_from_strangers_do_not_break_the_pages(any_store: Store) -> None:
    """Labels of a megabyte, NUL, signs that turn the direction: list, filters, pane, jobs and API show them as text."""
    with recording() as log:
        for name in (*HOSTILE, "W" * 1_000_000, "word " * 200_000):
            with log.run(name, job_id=name, application=name, tenant=name, log_type=name, source_name=name) as run:
                run.label(**{name: name}, category=[name, name])
                run.error(name)
        entries = log.entries
        assert log.health().redaction_failed == 0
    any_store.write(entries)
    reader = Client(viewer(any_store, applications=lambda _: HOSTILE))  # type: ignore[arg-type]
    for path in ("/", "/?part=around", "/runs", "/runs?q=W", *(f"/entries/{entry.id}" for entry in entries)):
        answer = reader.get(path)
        assert answer.status_code == 200, path
        text = re.sub(r'<span class="unseen"[^>]*>.</span>', "", answer.text)
        assert "<script>alert" not in text
        assert len(answer.content) < 2_000_000
    items = reader.get("/api/runs?limit=500").json()["items"]
    assert len(items) == len(entries)
    assert all(len(item["application"]) < 5000 for item in items)


def test_ten_thousand_different_values(any_store: Store) -> None:
    """The filters offer the frequent ones, and the page stays small."""
    any_store.write([
        new_run(f"job {n}", str(n), application=f"bot {n}", tenant=f"customer {n}", labels={f"l{n}": "x"})
        for n in range(10_000)
    ])  # fmt: skip
    for path in ("/?part=around", "/runs"):
        text = page(any_store, path)
        assert len(text) < 2_000_000
        assert text.count('data-key="tenant:') <= MOST
        assert text.count('data-key="application:') <= MOST_APPLICATIONS
