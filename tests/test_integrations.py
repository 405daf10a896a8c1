"""Which integration a call is with, and what its ``classify`` says of how it ended."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from integration_logger import ConfigurationError, Entry, Integration
from integration_logger.capture import Capture
from integration_logger.catalogue import CATALOGUE
from integration_logger.integrations import ERROR_TYPES, Integrations
from integration_logger.testing import recording
from integration_logger.viewer.words import _FAILURES
from tests.docs import pages

ACME = Integration(
    "acme", title="Acme", hosts=["API.acme.example", "*.shared.example/acme/*"], paths=["/hooks/acme", "/in/acme/*"]
)

# Where the vendor of an API documents it under another domain of its own than the one that is called.
VENDORS = {
    "dropboxapi.com": ["dropbox.com"],
    "googleapis.com": ["google.com"],
    "intercom.io": ["intercom.com"],
    "linkedin.com": ["learn.microsoft.com"],
    "mailgun.net": ["mailgun.com"],
    "myshopify.com": ["shopify.dev"],
    "nexmo.com": ["vonage.com"],
    "pipedrive.com": ["pipedrive.readme.io"],
    "sendgrid.com": ["twilio.com"],
    "slack.com": ["slack.dev"],
    "trello.com": ["atlassian.com"],
}


def outbound(url: str, **labels: object) -> Capture:
    """A call that was sent, as an adapter would have noted it."""
    capture = Capture("outbound")
    capture.method, capture.url, capture.host, capture.status_code = "GET", url, url.split("/")[2], 200
    capture.label(**labels)
    return capture


def inbound(path: str) -> Capture:
    capture = Capture("inbound")
    capture.method, capture.url, capture.host, capture.status_code = (
        "POST",
        f"https://x.example{path}",
        "x.example",
        200,
    )
    return capture


def recorded(*captures: Capture, **options: Any) -> list[Entry]:
    with recording(**options) as log:
        for capture in captures:
            log.recorder.record(capture)
        assert log.health().classify_failed == 0
        return log.entries


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.acme.example/v1", "acme"),
        ("https://API.Acme.Example:8443/", "acme"),
        ("https://eu.shared.example/acme/orders?x=1", "acme"),
        ("https://eu.shared.example/other", None),
        ("https://shared.example/acme/orders", None),
        ("https://evil.example/api.acme.example", None),
        ("https://api.acme.example.evil.example/", None),
        ("https://notapi.acme.example/", None),
        ("https://www.googleapis.com/calendar/v3/calendars", "google-calendar"),
        ("https://www.googleapis.com/youtube/v3/videos", None),
        ("https://sheets.googleapis.com/v4/spreadsheets", "google-sheets"),
        ("https://acme.zendesk.com/api/v2/tickets.json", "zendesk"),
        ("https://zendesk.com.evil.example/", None),
        ("https://www.googleapis.com?x=/calendar/", None),
        ("https://www.googleapis.com", None),
    ],
)
def test_calls_are_recognised_by_host_and_path(url: str, name: str | None) -> None:
    """Whole names and their ends only, whatever the case of letters and the port; a path where hosts are shared."""
    (entry,) = recorded(outbound(url), integrations=[ACME])
    assert entry.integration == name


def test_a_call_by_httpx_is_recognised() -> None:
    """The whole way: the client, the entry in the store, and the redirect that goes elsewhere."""

    def answer(request: httpx.Request) -> httpx.Response:
        moved = request.url.host == "api.stripe.com"
        return httpx.Response(302, headers={"location": "https://x.example/"}) if moved else httpx.Response(200)

    with recording() as log, httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
        log.httpx(client).get("https://api.stripe.com/v1/charges")
        assert [(entry.host, entry.integration) for entry in log.entries] == [
            ("api.stripe.com", "stripe"), ("x.example", None)
        ]  # fmt: skip


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.name)
def test_every_host_of_the_catalogue_leads_to_its_name(known: Any) -> None:
    """No third party stands in the way of another one, and each is in the guide."""
    found = Integrations()
    for host in known.hosts:
        name, _, path = host.replace("*.", "some.").partition("/")
        assert found.of_call(name, f"https://{name}/{path.replace('*', 'x')}") == known.name
    row = next(row for row in pages.rows("docs/guides/integrations.md", "What is known") if known.name in row[0])
    assert pages.codes(row[1]) == [*known.hosts]


@pytest.mark.parametrize("known", CATALOGUE, ids=lambda known: known.name)
def test_the_catalogue_leads_to_the_vendors_own_pages_only(known: Any) -> None:
    """Both addresses are given for each, of the vendor's own domain or of one of ``VENDORS``, and by https only."""
    called = {_domain(host.partition("/")[0]) for host in known.hosts}
    own = called | {domain for host in called for domain in VENDORS.get(host, ())}
    for address in map(urlsplit, (known.error_docs, known.token_docs)):
        assert (address.scheme, address.port, address.username, address.query) == ("https", None, None, "")
        assert address.hostname in own or _domain(address.hostname or "") in own
        assert address.path.strip("/"), "the front page documents nothing"


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def test_the_hosts_own_come_first_and_add_to_the_catalogue() -> None:
    """A host of the catalogue may be another one's; a name of the catalogue keeps its hosts and its title."""
    own = [Integration("desk", hosts=["*.zendesk.com"]), Integration("stripe", paths=["/hooks/stripe"])]
    found = Integrations(own)
    assert found.of_call("a.zendesk.com", None) == "desk"
    assert found.of_call("api.stripe.com", None) == "stripe"
    assert (found.title("stripe"), found.title("desk"), found.title("nobody")) == ("Stripe", "desk", "nobody")


def test_webhooks_are_recognised_by_the_hosts_own_paths_only() -> None:
    """What comes in may claim anything; only a path that the host has named tells whose it is."""
    entries = recorded(
        *(inbound(path) for path in ("/hooks/acme", "/hooks/acme?x=1", "/in/acme/1", "/hooks/acme/2", "/other")),
        integrations=[ACME],
    )
    assert [entry.integration for entry in entries] == ["acme", "acme", "acme", None, None]
    call = inbound("/v1")
    call.host = "api.acme.example"
    assert recorded(call, integrations=[ACME])[0].integration is None


def test_a_label_wins_and_nothing_is_recognised_where_that_is_switched_off() -> None:
    """What the host has said by hand stays; ``None`` leaves everything as it is."""
    assert recorded(outbound("https://api.acme.example/", integration="x"), integrations=[ACME])[0].integration == "x"
    assert recorded(outbound("https://api.stripe.com/"), integrations=None)[0].integration is None


def test_ten_thousand_hosts_are_not_remembered() -> None:
    """Names of hosts may come from strangers, so what is remembered of them has a bound."""
    found = Integrations([ACME])
    assert {found.of_call(f"h{n}.example", None) for n in range(10_000)} == {None}
    assert len(found._remembered) <= 1024


@pytest.mark.parametrize(
    ("code", "verdict", "status", "error_type"),
    [
        (200, None, "completed", None),
        (200, "failed", "failed", None),
        (200, "auth", "failed", "auth"),
        (404, "completed", "completed", None),
        (404, None, "failed", "http_4xx"),
        (500, "failed", "failed", "http_5xx"),
    ],
)
def test_classify_decides(code: int, verdict: str | None, status: str, error_type: str | None) -> None:
    """The status is what the host says; the error type of a failure stays where it names none."""
    capture = outbound("https://api.acme.example/")
    capture.status_code = code
    (entry,) = recorded(
        capture, integrations=[Integration("acme", hosts=["*.acme.example"], classify=lambda _: verdict)]
    )
    assert (entry.status, entry.error_type, entry.has_errors) == (status, error_type, status == "failed")
    assert entry.labels.get("status_by") == ("classify" if verdict else None)


def test_classify_is_asked_for_its_own_entries_however_they_were_named() -> None:
    """By host, by path, or by hand; of several with one name the first that has one is asked."""
    seen: list[str | None] = []
    own = [Integration("acme", hosts=["api.acme.example"]), Integration("acme", classify=lambda e: seen.append(e.url))]
    recorded(
        outbound("https://api.acme.example/"),
        outbound("https://else.example/", integration="acme"),
        outbound("https://other.example/"),
        integrations=own,
    )
    assert seen == ["https://api.acme.example/", "https://else.example/"]


@pytest.mark.parametrize("answer", [ValueError("secret"), "whatever", 7, True])
def test_a_classify_that_fails_changes_nothing_and_is_counted(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    """What it raises, and words that nobody knows, cost the entry nothing but the host's opinion."""

    def classify(_: Entry) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with recording(integrations=[Integration("acme", hosts=["*.acme.example"], classify=classify)]) as log:
        log.recorder.record(outbound("https://api.acme.example/"))
        (entry,) = log.entries
        assert (entry.status, entry.integration, log.health().classify_failed) == ("completed", "acme", 1)
        assert log.health().redaction_failed == 0
    assert "secret" not in caplog.text


def test_error_types_are_those_that_the_browser_has_words_for() -> None:
    """What ``classify`` may return can be said in words."""
    assert set(ERROR_TYPES) == set(_FAILURES)


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""}, {"name": "x" * 201}, {"name": 7}, {"name": "x", "title": 7}, {"name": "x", "hosts": "api.x"},
        {"name": "x", "hosts": ["https://api.x"]}, {"name": "x", "hosts": ["api.x:443"]}, {"name": "x", "hosts": [7]},
        {"name": "x", "hosts": ["a.*.x"]}, {"name": "x", "hosts": [""]}, {"name": "x", "hosts": None},
        {"name": "x", "paths": "/x"}, {"name": "x", "paths": ["x"]}, {"name": "x", "classify": "failed"},
        {"name": "x", "reauthorize": 1}, {"name": "x", "error_docs": "javascript:alert(1)"},
        {"name": "x", "token_docs": 7},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_values_raise_where_they_are_given(options: dict[str, Any]) -> None:
    """One sentence says what to give instead."""
    with pytest.raises(ConfigurationError, match="takes"):
        Integration(options.pop("name"), **options)


@pytest.mark.parametrize("value", ["stripe", ["stripe"], 7, {"stripe": 1}])
def test_the_option_takes_a_list_of_integrations(value: Any) -> None:
    """Names alone would say nothing that the catalogue does not know."""
    with (
        pytest.raises(ConfigurationError, match="integrations takes a list of Integration"),
        recording(integrations=value),
    ):
        pass
