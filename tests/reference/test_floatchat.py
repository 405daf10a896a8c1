"""What the API logs of FloatChat and Meta Humans offer, by the lines of their checklist."""

from __future__ import annotations

import json
import shlex
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from integration_logger.testing import RecordingLogger
from tests.reference.conftest import READER, Reader
from tests.viewer.server import Client

THIRD_PARTIES = {
    "clickatell": "https://platform.clickatell.com/messages",
    "twilio": "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
    "google-calendar": "https://www.googleapis.com/calendar/v3/calendars/primary/events",
    "google-sheets": "https://sheets.googleapis.com/v4/spreadsheets/s1/values/A1",
    "salesforce": "https://acme.my.salesforce.com/services/data/v60.0/query",
    "zendesk": "https://acme.zendesk.com/api/v2/tickets.json",
    "freshdesk": "https://acme.freshdesk.com/api/v2/tickets",
}


def answering(log: RecordingLogger, status: int = 200, body: object = None) -> httpx.Client:
    """Return a client that is answered by nobody, with what is wanted."""
    return log.httpx(httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, json=body or {}))))


@pytest.mark.parametrize("name", THIRD_PARTIES)
def test_c5_every_third_party(log: RecordingLogger, reader: Reader, name: str) -> None:
    """C5: calls of each third party that the products name are there, under its name."""
    answering(log).post(THIRD_PARTIES[name], json={"text": "hello"})
    assert [item["kind"] for item in reader.items(f"integration={name}")] == ["outbound"]


def test_c5_everything_else(log: RecordingLogger, reader: Reader) -> None:
    """C5: the platform's own APIs, the JSON API node, the API trigger, and C2E, which is not HTTP."""

    async def trigger(_: Request) -> JSONResponse:
        with log.call("C2E", operation="chat-to-email", integration="c2e") as call:
            call.request({"to": "ana@example.com"})
        answering(log).get("https://api.example.com/stock", headers={"Accept": "application/json"})
        return JSONResponse({})

    app = log.asgi(
        Starlette(routes=[Route("/trigger", trigger, methods=["POST"])]),
        labels=lambda _: {"integration": "api-trigger", "application": "sales-bot"},
    )
    Client(app).send("POST", "/trigger")
    kinds = {item["kind"]: item for item in reader.items()}
    assert set(kinds) == {"inbound", "outbound", "call"}
    assert kinds["inbound"]["integration"] == "api-trigger"
    assert (kinds["call"]["method"], kinds["call"]["integration"]) == ("C2E", "c2e")
    assert {kinds[kind]["parent_id"] for kind in ("outbound", "call")} == {kinds["inbound"]["id"]}
    assert {item["application"] for item in kinds.values()} == {"sales-bot"}


def test_c6_every_call(log: RecordingLogger, reader: Reader) -> None:
    """C6: nothing is sampled."""
    for number in range(700):
        with log.call("C2E", operation=f"mail {number}"):
            pass
    found, cursor = [], 0
    while (page := reader.get(f"/api/entries?order=asc&limit=500&cursor={cursor}"))["items"]:
        found += [item["operation"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == [f"mail {number}" for number in range(700)]


def test_c7_list_and_detail(log: RecordingLogger, reader: Reader) -> None:
    """C7: the list, and the detail of one entry beside it."""
    with log.call("C2E", operation="chat-to-email"):
        pass
    id = reader.one()["id"]
    page = reader.get(f"/?entry={id}")
    assert 'id="rows"' in page
    assert f'<article class="pane" id="pane" data-id="{id}"' in page


def test_c8_status(log: RecordingLogger, reader: Reader) -> None:
    """C8: the code that the server answered."""
    answering(log, 503).get("https://api.twilio.com/2010-04-01/Accounts.json")
    assert [item["status_code"] for item in reader.items("status_code=5xx")] == [503]


def test_c9_bot(log: RecordingLogger, reader: Reader) -> None:
    """C9: the bot; all that there are can be chosen, also those that have no entries, within what the reader sees."""
    with log.call("C2E", application="sales-bot"):
        pass
    assert [item["application"] for item in reader.items("application=sales-bot")] == ["sales-bot"]
    page = Reader(log, applications=lambda reader: ["sales-bot", "silent-bot", reader.name]).get("/")
    assert all(f'data-key="application:{name}"' in page for name in ("sales-bot", "silent-bot", READER.name))


def test_c10_source_is_a_link_into_the_flow(log: RecordingLogger, reader: Reader) -> None:
    """C10: the place in the flow, as a link that leads there; calls made within take it over."""
    with log.run("flow", source_name="Checkout / node 7", source_url="/bots/3#n7"), log.call("C2E"):
        pass
    entry = reader.one("kind=call")
    assert (entry["labels"]["source_name"], entry["labels"]["source_url"]) == ("Checkout / node 7", "/bots/3#n7")
    assert '<a href="/bots/3#n7"' in reader.get(f"/entries/{entry['id']}")


def test_c10_an_agent_is_no_link(log: RecordingLogger, reader: Reader) -> None:
    """C10: where an agent tried it, the agent's name or e-mail address stands there, and leads nowhere."""
    with log.call("C2E", source_type="agent", source_name="agent@example.com"):
        pass
    page = reader.get(f"/entries/{reader.one()['id']}")
    assert "agent@example.com" in page
    assert 'rel="noreferrer' not in page


def test_c11_user(log: RecordingLogger, reader: Reader) -> None:
    """C11: the end user, by id and by name, set anywhere below."""
    with log.call("C2E"):
        log.current().label(user_id="42", user_name="Ana Sousa")
    assert len(reader.items("user_id=42&label.user_name=Ana+Sousa")) == 1


def test_c12_integration_and_time(log: RecordingLogger, reader: Reader) -> None:
    """C12: which integration it was, and when it was triggered."""
    with log.call("C2E", integration="c2e", integration_name="Chat to e-mail"):
        pass
    entry = reader.one("integration=c2e")
    assert entry["labels"]["integration_name"] == "Chat to e-mail"
    assert entry["started_at"].endswith("Z")


def test_c13_request_and_response(log: RecordingLogger, reader: Reader) -> None:
    """C13: the request as a cURL command without its secrets, and the body of the answer."""
    client = answering(log, 201, {"ticket": 7})
    client.post(
        THIRD_PARTIES["zendesk"], json={"subject": "It's broken"}, headers={"Authorization": "Bearer s3cr3t-zd-7"}
    )
    entry = reader.one("integration=zendesk")
    words = shlex.split(entry["curl"].replace("\\\n", " "))
    assert "curl" in words
    assert "s3cr3t-zd-7" not in str(entry)
    assert json.loads(entry["response"]["body"]) == {"ticket": 7}


def test_c13_of_a_call_that_is_not_http(log: RecordingLogger, reader: Reader) -> None:
    """C13: what was sent and what came back, masked."""
    with log.call("C2E") as call:
        call.request({"to": "ana@example.com", "password": "hunter2-Kan4rie"})
        call.response("queued", status_code=202)
    entry = reader.one("method=C2E")
    assert json.loads(entry["request"]["body"]) == {"to": "ana@example.com", "password": "[REDACTED]"}
    assert (entry["response"]["body"], entry["status_code"], entry["outcome"]) == ("queued", 202, "success")


def test_c19_what_cannot_be_reached_is_logged(log: RecordingLogger, reader: Reader) -> None:
    """C19: the products leave it out; here it is an entry without a code, found as an error and by its absence."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with log.httpx(httpx.Client(trust_env=False)) as client, pytest.raises(httpx.ConnectError):
        client.get(address)
    entry = reader.one("outcome=error&status_code=none")
    assert (entry["status_code"], entry["error_type"], entry["response"]) == (None, "connect", None)
    assert entry["errors"]
