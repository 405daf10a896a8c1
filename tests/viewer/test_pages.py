"""Pages for people: they hold what the log holds, without scripts too, and teach where there is nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from integration_logger.entry import InFlight, Message, Run
from integration_logger.health import Health, Loss
from integration_logger.ids import new_id
from integration_logger.query import ALL, Query, Scope
from integration_logger.retention import Retention
from integration_logger.stores.base import Page
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Principal
from integration_logger.viewer.params import PageState
from tests.viewer.server import Client, new_entry, viewer

HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "\x1b[31mred\x1b[0m",
    "{{7*7}}", "</textarea><svg/onload=alert(1)>", "'\"`", "\u202egnp.exe", "a\x00b", "{% raw %}", "&lt;b&gt;",
]  # fmt: skip
SCOPE = Scope(tenants=ALL, applications=ALL)


@pytest.fixture
def browser(store: MemoryStore) -> Client:
    return Client(viewer(store))


def links(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]*)"', text)]


# --- list ---------------------------------------------------------------------------------------------


def test_shows_rows_that_lead_to_the_pane(store: MemoryStore, browser: Client) -> None:
    entry = new_entry(status_code=500, url="https://shop.example/orders/12345678901234567890")
    store.write([entry])
    text = browser.get("/").text
    (link,) = [link for link in links(text) if link == f"?entry={entry.id}"]
    opened = browser.get(f"/{link}").text
    assert "We answered 500 Internal Server Error." in opened
    assert 'aria-current="true"' in opened


def test_pages_through_the_log_without_scripts(store: MemoryStore, browser: Client) -> None:
    entries = [new_entry() for _ in range(250)]
    store.write(entries)
    seen: list[str] = []
    path = "/"
    while True:
        text = browser.get(path).text
        seen += re.findall(r'class="row" data-id="([^"]+)"', text)
        older = re.search(r'id="older" rel="next" href="([^"]*)"( hidden)?', text)
        assert older
        if older[2]:
            break
        path = "/" + unescape(older[1])
    assert seen == [entry.id for entry in reversed(entries)]


def test_shows_open_calls_first(store: MemoryStore, browser: Client) -> None:
    entry = new_entry(status="processing", status_code=None, duration=None)
    store.write([new_entry()], in_flight=[InFlight(owner=new_id(), entry=entry)])
    text = browser.get("/").text
    assert text.index(entry.id) < text.index('id="rows"')
    assert "Still open" in browser.get(f"/?entry={entry.id}").text


def test_teaches_the_first_line_where_nothing_is(browser: Client) -> None:
    assert "app.add_middleware(log.asgi)" in browser.get("/").text
    assert "Look at any time" in browser.get("/").text
    assert "Look at any time" not in browser.get("/?range=all").text


def test_says_how_much_there_would_be_without_each_filter(store: MemoryStore, browser: Client) -> None:
    store.write([new_entry(status_code=500, method="GET") for _ in range(3)])
    text = browser.get("/?outcome=error&not.method=GET&q=word").text
    assert "Nothing matches" in text
    found = links(text)
    assert "?not.method=GET&q=word" in found
    assert "?outcome=error&q=word" in found
    assert "?outcome=error&not.method=GET" in found
    assert "<b>none</b>" in text
    assert "<b>3</b>" in browser.get("/?outcome=error&not.method=GET").text


def test_keeps_what_was_typed_and_says_what_is_wrong_with_it(browser: Client) -> None:
    response = browser.get("/?q=status:teapot")
    assert response.status_code == 400
    assert "takes a code such as 404" in response.text
    assert 'value="status:teapot"' in response.text


@pytest.mark.parametrize("params", ["colour=red", "range=year", "cursor=x", "since=x"])
def test_names_a_parameter_that_is_wrong(browser: Client, params: str) -> None:
    response = browser.get(f"/?{params}")
    assert response.status_code == 400
    assert params.partition("=")[0] in response.text


def test_offers_the_values_of_the_page_and_later_their_counts(store: MemoryStore, browser: Client) -> None:
    store.write([new_entry(method="PUT", route="/a", status_code=503) for _ in range(3)])
    text = browser.get("/").text
    assert 'data-key="method:PUT"' in text
    assert 'class="count"' not in text
    around = browser.get("/?part=around").text
    assert re.search(r'data-key="status_code:5xx".*?class="count">3<', around, re.DOTALL)
    assert "<b>3</b> entries" in around
    assert "bar-error" in around


def test_the_timeline_has_a_bar_for_each_stretch_that_leads_into_it(store: MemoryStore, browser: Client) -> None:
    now = datetime.now(UTC)
    store.write([new_entry(started_at=now - timedelta(hours=h), status_code=200) for h in (1, 1, 5)])
    around = browser.get("/?part=around").text
    bars = re.findall(r'<a href="([^"]+)" tabindex', around)
    assert len(bars) == 2
    assert 'bar-error" x' not in around
    assert browser.get("/" + unescape(bars[0])).text.count('class="row" data-id="0') == 1
    assert "timeline" in browser.get("/?part=around&range=all").text


def test_the_timeline_of_a_young_log_begins_with_it(store: MemoryStore, browser: Client) -> None:
    begin = datetime.now(UTC) - timedelta(minutes=10)
    store.write([new_entry(started_at=begin + timedelta(minutes=n)) for n in range(10)])
    around = browser.get("/?part=around").text
    assert len(re.findall(r'<a href="([^"]+)" tabindex', around)) >= 9
    assert "<b>10</b> entries" in around


def test_says_that_a_search_stopped_before_its_end(browser: Client, store: MemoryStore) -> None:
    def stopped(query: Query) -> Page:
        return Page(entries=(), has_more=True, next_cursor=4711)

    store.search = stopped  # type: ignore[method-assign]
    text = browser.get("/?q=rare").text
    assert "Nothing found so far" in text
    assert "?q=rare&cursor=4711" in links(text)


def test_tells_owners_what_is_wrong_with_the_logging(store: MemoryStore) -> None:
    now = datetime.now(UTC)
    loss = Loss(reason="spool full", first=now, last=now, entries=1200)
    health = Health(durable=False, losses=(loss,), problems=("the spool is not writable",))
    browser = Client(viewer(store, health=lambda: health))
    text = browser.get("/").text
    assert "1,200 entries were lost: spool full," in text
    assert "1 more" in text
    assert "the spool is not writable" in browser.get("/health").text
    limited = Client(viewer(store, Principal("bo", role="owner", tenants=["a"]), health=lambda: health)).get("/").text
    assert "entries were lost" not in limited


def test_says_how_long_entries_are_kept(store: MemoryStore) -> None:
    assert "kept for 30 days" in Client(viewer(store, retention=Retention())).get("/").text


def test_shows_the_title_and_where_to_get_help(store: MemoryStore) -> None:
    text = Client(viewer(store, title="Calls of <Acme>", support_url="https://acme.example/help")).get("/").text
    assert "<title>Calls of &lt;Acme&gt;</title>" in text
    assert "https://acme.example/help" in text


# --- addresses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        [("outcome", "error")],
        [("status_code", "5xx"), ("status_code", "404"), ("not.method", "GET")],
        [("min_duration", "1.5"), ("route", "/a b"), ("label.source", 'x"y')],
        [("q", 'status:5xx -integration:stripe duration:>1s "two words" -not')],
        [("since", "2026-11-20T00:00:00Z"), ("till", "2026-11-21T00:00:00Z")],
        [("range", "7d"), ("kind", "inbound")],
    ],
)
def test_the_text_of_the_search_box_and_the_address_say_the_same(params: list[tuple[str, str]]) -> None:
    now = datetime.now(UTC)
    state = PageState.read(params, SCOPE, now)
    again = PageState.read(state.pairs(), SCOPE, now)
    typed = PageState.read([("q", state.text), *state.kept], SCOPE, now)
    assert again.query == state.query
    assert set(typed.query.conditions) == set(state.query.conditions)
    assert (typed.query.text, typed.query.not_text) == (state.query.text, state.query.not_text)


def test_filters_are_switched_on_off_and_around() -> None:
    state = PageState.read([("outcome", "error")], SCOPE)
    assert state.toggle("outcome", "error") == "?"
    assert state.toggle("method", "GET") == "?outcome=error&method=GET"
    assert state.exclude("outcome", "error") == "?not.outcome=error"
    assert PageState.read([("not.outcome", "error")], SCOPE).toggle("outcome", "error") == "?outcome=error"


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("part", ["", "&part=around"])
def test_a_range_at_the_end_of_all_time_is_a_page_like_any_other(since: str, part: str) -> None:
    """Bounds that a reader may type never break a page, even where there is no time before or after them."""
    assert Client(viewer(MemoryStore())).get(f"/?since={since}{part}").status_code == 200


def test_ranges_move_earlier_and_later() -> None:
    day = PageState.read([("since", "2026-11-10T00:00:00Z"), ("till", "2026-11-11T00:00:00Z")], SCOPE)
    assert day.earlier == "?since=2026-11-09T00%3A00%3A00Z&till=2026-11-10T00%3A00%3A00Z"
    assert PageState.read([("range", "all")], SCOPE).earlier is None
    assert PageState.read([], SCOPE).later is None


# --- pane ---------------------------------------------------------------------------------------------


def pane(store: MemoryStore, tab: str = "overview", **fields: Any) -> str:
    entry = new_entry(**fields)
    store.write([entry])
    return Client(viewer(store)).get(f"/?entry={entry.id}&tab={tab}&part=pane").text


def test_the_pane_shows_bodies_pretty_and_raw(store: MemoryStore) -> None:
    body = b'{"a":1,"secret":"[REDACTED]"}'
    message = Message(raw_headers=[(b"x-a", b"1"), (b"x-a", b"2")], body=body, content_type="application/json", size=28)
    text = pane(store, request=message, redacted=("request.body.secret: name",))
    assert '<span class="j-key">&#34;a&#34;</span>: <span class="j-number">1</span>' in text
    assert 'title="redacted: name &#34;secret&#34;"' in text
    assert "{&#34;a&#34;:1,&#34;secret&#34;:&#34;" in text
    assert text.count('<th scope="row">x-a</th>') == 2


def test_the_pane_lays_out_forms(store: MemoryStore) -> None:
    form = Message(body=b"name=Ana+Ruiz&pin=[REDACTED]", content_type="application/x-www-form-urlencoded", size=28)
    text = pane(store, request=form, redacted=("request.body.pin: name",))
    assert '<span class="j-key">name</span>: <span class="j-string">Ana Ruiz</span>' in text
    assert 'title="redacted: name &#34;pin&#34;"' in text


def test_the_pane_leads_to_the_entry_around_it(store: MemoryStore) -> None:
    parent = new_id()
    assert f"./entries/{parent}" in links(pane(store, parent_id=parent))


def test_the_pane_says_what_is_not_there(store: MemoryStore) -> None:
    cut = Message(body=b"abc", truncated=True, size=5_000_000, content_type="text/plain")
    assert "Only the first 3 B of 5.0 MB were kept." in pane(store, request=cut)
    assert "The body is binary and was not kept." in pane(store, response=Message(omitted="binary", size=4))
    assert "There was no answer." in pane(store, response=None, status_code=None)


def test_the_pane_says_that_bodies_have_expired(store: MemoryStore) -> None:
    """Size and type are still told; nothing claims that something was cut or never there."""
    until = datetime.now(UTC)
    message = Message(content_type="text/plain", size=2048, truncated=True)
    text = pane(store, response=message, bodies_expire_at=until)
    assert "Headers and body have expired and were deleted." in text
    assert "2.0 kB" in text
    assert "Only the first" not in text
    assert "have expired" not in pane(store, response=Message(body=b"x", size=1), bodies_expire_at=until)


def test_the_pane_of_a_run_shows_its_figures(store: MemoryStore) -> None:
    run = Run(job_name="Blog", row_count=256, has_deltas=False)
    empty = {"url": None, "request": None, "response": None, "status_code": None, "errors": (), "has_errors": False}
    text = pane(store, kind="run", run=run, status="completed", **empty)
    for word in ("The run completed with 256 rows.", "Blog", "Rows", "<dd>no</dd>"):
        assert word in text
    assert "Response" not in text


@pytest.mark.parametrize(
    ("address", "is_link"),
    [
        ("https://app.example/flows/3", True), ("/flows/3#n7", True), ("javascript:alert(1)", False),
        ("//evil.example", False), ("/\\evil.example", False), ("data:text/html,x", False), ("java\nscript:1", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_become_links(store: MemoryStore, address: str, is_link: bool) -> None:
    text = pane(store, labels={"source_name": "Flow", "source_url": address})
    assert (address in links(text)) is is_link


def test_says_so_where_there_is_no_such_entry(browser: Client) -> None:
    assert "There is no such entry" in browser.get(f"/?entry={new_id()}").text
    assert browser.get(f"/entries/{new_id()}").status_code == 404


class Tags(HTMLParser):
    """Collects the elements of a page that can run something."""

    def __init__(self) -> None:
        super().__init__()
        self.dangerous: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction") and re.match(r"\s*\w+\s*:", value or "")
            if name.startswith("on") or name == "style" or leads:
                self.dangerous.append(f"{tag} {name}={value}")
        if tag in ("img", "iframe", "object", "embed", "style", "base") or (
            tag == "script" and not dict(attrs).get("src")
        ):
            self.dangerous.append(tag)


def test_where_a_call_broke_shows_signs_by_their_number(store: MemoryStore, browser: Client) -> None:
    """The host may say it in words of its own, or of somebody else's."""
    entry = new_entry(kind="call", status="failed", phase="\u202egnp.exe")
    store.write([entry])
    assert 'data-name="\u2039U+202E\u203a"' in browser.get(f"/entries/{entry.id}").text


@pytest.mark.parametrize("value", HOSTILE)
def test_everything_captured_is_shown_as_text(store: MemoryStore, browser: Client, value: str) -> None:
    header = value.encode("utf-8", "ignore")
    message = Message(raw_headers=[(header, header)], body=value.encode(), content_type=value, size=1)
    entry = new_entry(
        method=value, url=value, host=value, route=value, integration=value, operation=value, tenant=value,
        application=value, log_type=value, user_id=value, errors=(value,), traceback=value, error_type=value,
        labels={value: value, "source_url": value}, variables={value: value}, request=message, response=message,
        status_code=500, redacted=(f"request.body.{value}: {value}",), client_ip=value,
    )  # fmt: skip
    store.write([entry])
    for path in ("/", f"/?entry={entry.id}", f"/entries/{entry.id}", "/?part=around"):
        response = browser.get(path)
        assert response.status_code == 200
        tags = Tags()
        tags.feed(response.text)
        assert tags.dangerous == []
        assert "<title>" + value not in response.text
