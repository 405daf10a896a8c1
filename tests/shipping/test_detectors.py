"""Answers with status 200 that say they went wrong, and data that only looks like them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from integration_logger import ConfigurationError, Entry, Integration, IntegrationLogger, Retention
from integration_logger.bodies import Body, content_type
from integration_logger.capture import Capture
from integration_logger.entry import Message
from integration_logger.query import EVERYTHING, Query
from integration_logger.shipping.detectors import DETECTORS, LARGEST, MAX_TEXT, MOST_TEXTS, Detectors
from integration_logger.stores import open_store
from integration_logger.testing import recording
from tests.deadlines import eventually
from tests.factories import make_entry
from tests.processes import started

Case = tuple[str, Any, str, str | None, tuple[str, ...]]
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
MAESTRA = {
    "status": "ValidationError",
    "validationMessages": [{"message": "The date is not valid", "location": "/tillDateTimeUtc"}],
}
KONDADO = {
    "success": False,
    "error": "RATE_LIMIT_EXCEEDED",
    "message": "Too many requests. Please try again in 60 seconds.",
}
GRAPHQL = {"errors": [{"message": "Cannot query field x", "locations": [{"line": 1, "column": 2}]}], "data": None}
RPC = {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": 1}


def envelope(body: str, namespace: str = SOAP_11, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<s:Envelope xmlns:s="{namespace}"><s:Body>{body}</s:Body></s:Envelope>'


FAULT_11 = envelope("<s:Fault><faultcode>s:Client</faultcode><faultstring>No such order</faultstring></s:Fault>")
FAULT_12 = envelope(
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>No such order</s:Text>"
    "</s:Reason></s:Fault>",
    SOAP_12,
)

ERRORS: list[Case] = [
    ("maestra", MAESTRA, "failed", "validation", ("The date is not valid",)),
    ("maestra", {"status": "ValidationError", "validationMessages": []}, "failed", "validation", ("ValidationError",)),
    (
        "maestra",
        {"status": "ProtocolError", "errorMessage": "Bad key", "errorId": "1", "httpStatusCode": 401},
        "failed", "answer", ("Bad key",),
    ),
    (
        "maestra",
        {"status": "InternalServerError", "errorMessage": "Sorry", "errorId": "1", "httpStatusCode": 500},
        "failed", "answer", ("Sorry",),
    ),
    ("kondado", KONDADO, "failed", "answer", (KONDADO["message"], KONDADO["error"])),
    ("kondado", {"success": False, "error": {"code": 7, "message": "no"}}, "failed", "answer", ("no",)),
    ("kondado", {"success": False, "errors": ["a", {"message": "b"}], "data": None}, "failed", "answer", ("a", "b")),
    ("graphql", GRAPHQL, "failed", "answer", ("Cannot query field x",)),
    ("graphql", {"errors": [{"message": "no"}], "data": {"a": None}}, "failed", "answer", ("no",)),
    ("graphql", {"errors": [{"message": "b is gone"}], "data": {"a": 1, "b": None}}, "completed", None, ("b is gone",)),
    ("json-rpc", RPC, "failed", "answer", ("Method not found",)),
    ("json-rpc", [RPC, RPC], "failed", "answer", ("Method not found", "Method not found")),
    ("json-rpc", [RPC, {"jsonrpc": "2.0", "result": 1, "id": 2}], "completed", None, ("Method not found",)),
    ("soap", FAULT_11, "failed", "answer", ("No such order",)),
    ("soap", FAULT_12, "failed", "answer", ("No such order",)),
    ("soap", envelope("<s:Fault/>"), "failed", "answer", ("SOAP fault",)),
]  # fmt: skip
DATA: list[Any] = [
    # a record, a list or a page of what has failed somewhere is what was asked for
    {"id": 7, "success": False, "error": "timeout", "url": "https://x.example"},
    {"success": True, "error": "none", "message": "ok"}, {"success": False}, {"success": False, "data": [1]},
    {"success": "false", "error": "x"}, {"success": 0, "error": "x"}, [KONDADO], {"data": KONDADO},
    {"items": [MAESTRA]}, {"success": False, "message": ""}, {"success": None, "error": "x"},
    {"status": "ValidationError", "count": 3}, {"status": "Success", "validationMessages": []},
    {"status": "ValidationError", "validationMessages": "none"}, {"log": MAESTRA}, {"status": "ProtocolError"},
    {"errorMessage": "x", "errorId": "y"},
    {"errors": [{"message": "an error of yesterday"}]}, {"errors": [{"message": "x"}], "page": 1, "data": None},
    {"errors": [], "data": None}, {"errors": ["x"], "data": None}, {"errors": [{"message": 7}], "data": None},
    {"errors": [{"message": "x"}], "data": [1]}, {"errors": {"message": "x"}, "data": None}, {"data": {"errors": [1]}},
    {"jsonrpc": "2.0", "result": {"error": {"code": 1, "message": "x"}}, "id": 1},
    {"jsonrpc": "2.0", "error": None, "result": 1, "id": 1}, {"jsonrpc": "2.0", "error": {"message": "x"}, "id": 1},
    {"jsonrpc": "2.0", "error": {"code": True, "message": "x"}, "id": 1},
    {"jsonrpc": "2.0", "method": "error", "id": 1},
    {"jsonrpc": "1.0", "error": {"code": 1, "message": "x"}, "id": 1}, [], [1], {"calls": [RPC]}, [{"call": RPC}],
    envelope("<m:Faults xmlns:m='urn:x'><s:Fault/></m:Faults>"), envelope("<Fault>data</Fault>"),
    envelope("<m:Fault xmlns:m='urn:x'/>"), envelope("<m:List xmlns:m='urn:x'/><s:Fault/>"),
    envelope("<!-- <s:Fault/> --><m:Ok xmlns:m='urn:x'/>"), envelope("<![CDATA[<s:Fault/>]]>"),
    envelope("<s:Fault/>", namespace="urn:other"), f"<log>{FAULT_11[21:]}</log>", "<Fault/>", "<html>Fault</html>",
    envelope("<s:Fault><faultstring>&x;</faultstring></s:Fault>", before='<!DOCTYPE x [<!ENTITY x "y">]>'),
    "{", '{"success": false, "error":', "null", "true", '"success"', "success: false", "",
]  # fmt: skip


def answered(body: Any, **fields: Any) -> Entry:
    """Return a call that was answered with this."""
    is_xml = isinstance(body, str) and body.startswith("<")
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = fields.pop("content_type", "text/xml; charset=utf-8" if is_xml else "application/json")
    truncated = fields.pop("truncated", False)
    message = Message(body=data, content_type=kind, size=len(data), truncated=truncated)
    given = {"kind": "outbound", "url": "https://api.example/v1", "status_code": 200, "labels": {}, "errors": ()}
    return make_entry(**given | {"request": None} | fields, response=message)


@pytest.mark.parametrize(("name", "body", "status", "error_type", "errors"), ERRORS)
def test_an_error_is_one(name: str, body: Any, status: str, error_type: str | None, errors: tuple[str, ...]) -> None:
    """The entry fails, or has errors where a part went well; what the answer says is in it, and who has found it."""
    found = Detectors(DETECTORS)(answered(body))
    assert (found.status, found.error_type, found.errors, found.has_errors) == (status, error_type, errors, True)
    assert found.labels.get("status_by") == (name if status == "failed" else None)


@pytest.mark.parametrize(("name", "body", "status", "error_type", "errors"), ERRORS)
def test_each_can_be_switched_off(name: str, body: Any, status: str, error_type: str | None, errors: Any) -> None:
    """One alone finds its own errors, and all others nothing of them."""
    entry = answered(body)
    assert Detectors([name])(entry) is not entry
    assert Detectors([other for other in DETECTORS if other != name])(entry) is entry
    assert Detectors([])(entry) is entry


@pytest.mark.parametrize("body", DATA, ids=lambda body: json.dumps(body)[:60])
def test_data_is_no_error(body: Any) -> None:
    """What only looks like an error stays as it is."""
    entry = answered(body)
    assert Detectors(DETECTORS)(entry) is entry


@pytest.mark.parametrize(
    "fields",
    [
        {"status_code": 404}, {"status_code": 302}, {"status_code": None}, {"truncated": True},
        {"status": "failed", "error_type": "timeout"}, {"labels": {"status_by": "classify"}}, {"status": "processing"},
    ],
    ids=str,
)  # fmt: skip
def test_only_whole_answers_that_count_as_a_success_are_looked_at(fields: dict[str, Any]) -> None:
    """Not what has failed by its code, what was cut off, nor what the host has decided itself."""
    entry = answered(KONDADO, **fields)
    assert Detectors(DETECTORS)(entry) is entry


def test_graphql_without_data_needs_a_sign_that_it_was_asked() -> None:
    """A list of errors may be data; by the address, the request or the content type it is none."""
    body = {"errors": [{"message": "no"}]}
    detect = Detectors(DETECTORS)
    asked = Message(body=b'{"query": "{ a }"}', size=18)
    kind = "application/graphql-response+json"
    for fields in ({"url": "https://x.example/graphql"}, {"request": asked}, {"content_type": kind}):
        assert detect(answered(body, **fields)).status == "failed"
    assert detect(answered(body)).status == "completed"


def test_bodies_in_other_charsets_are_read() -> None:
    """By the charset of the content type, with a byte order mark, and as the XML itself says."""
    detect, body = Detectors(DETECTORS), json.dumps(KONDADO | {"message": "não"}, ensure_ascii=False)
    said = detect(answered(body.encode("latin-1"), content_type="application/json; charset=iso-8859-1"))
    assert said.errors[0] == "não"
    assert detect(answered(b"\xef\xbb\xbf" + body.encode())).errors[0] == "não"
    latin = FAULT_11.replace('"1.0"', '"1.0" encoding="iso-8859-1"').replace("order", "cão")
    assert detect(answered(latin.encode("latin-1"))).errors == ("No such cão",)


def test_what_is_said_has_a_bound() -> None:
    """Many and long texts are cut."""
    found = Detectors(DETECTORS)(answered({"success": False, "errors": ["x" * 2000] * 30}))
    assert len(found.errors) == MOST_TEXTS
    assert {len(text) for text in found.errors} == {MAX_TEXT + 1}


@pytest.mark.parametrize(
    "body",
    [
        b"[" * LARGEST, b'{"a":' * 10_000, b'{"errors":' + b"[" * 60_000, b'{"success":false,"error":"' + b"x" * 10**7,
        b"<" * LARGEST, b"<a>" * 20_000 + b"Fault", json.dumps([RPC] * 700).encode(), b'{"jsonrpc":' + b"1" * 60_000,
        FAULT_11.encode()[:-60] + b"<a>" * 20_000, b'"success"' * 7_000,
    ],
    ids=range(10),
)  # fmt: skip
def test_hostile_bodies_do_no_harm(body: bytes) -> None:
    """Deep, long and broken ones are passed over or read, and nothing is raised."""
    assert Detectors(DETECTORS)(answered(body)).id


@pytest.mark.parametrize("value", ["graphql", ["x"], 7, None, [7]])
def test_the_option_takes_known_names(value: Any) -> None:
    """A misspelt name is not passed over in silence."""
    with pytest.raises(ConfigurationError, match="detectors takes a list of names"):
        IntegrationLogger(None, detectors=value)


# --- on the way to the store ------------------------------------------------------------------------


def sent(body: Any) -> Capture:
    """A call that was sent, as an adapter would have noted it."""
    capture = Capture("outbound")
    capture.method, capture.url, capture.status_code = "POST", "https://api.example/v1", 200
    capture.response_headers = [(b"content-type", b"application/json")]
    capture.response_body = answer = Body(70_000, content_type(b"application/json"))
    answer.feed(json.dumps(body).encode())
    answer.ended = True
    return capture


def test_it_has_a_say_in_how_long_an_entry_is_kept() -> None:
    """An error in a 200 is kept as long as other errors, and what it says is masked."""
    secret = "sk_live_51H8" + "x" * 20
    with recording(retention=Retention("1 day", errors="90 days")) as log:
        log.recorder.record(sent(KONDADO | {"message": f"The key {secret} was revoked"}))
        log.recorder.record(sent({"success": True}))
        failed, well = log.entries
    assert failed.expires_at is not None
    assert well.expires_at is not None
    assert (failed.status, round((failed.expires_at - well.expires_at).total_seconds() / 86_400)) == ("failed", 89)
    assert secret not in str(failed)
    assert "was revoked" in failed.errors[0]


def test_classify_is_not_overruled() -> None:
    """What the host has decided about an integration stays, whatever the body says."""
    known = Integration("acme", hosts=["api.example"], classify=lambda entry: "completed")
    capture = sent(KONDADO)
    capture.host = "api.example"
    with recording(integrations=[known]) as log:
        log.recorder.record(capture)
        assert log.entries[0].status == "completed"


def stored(url: str) -> list[Entry]:
    if not Path(url.removeprefix("sqlite:///")).exists():
        return []
    with closing(open_store(url)) as store:
        return [*store.stream(Query(scope=EVERYTHING, order="asc"))]


@pytest.mark.parametrize("ship", ["process", None])
@pytest.mark.parametrize(("names", "status"), [(DETECTORS, "failed"), (("soap",), "completed")], ids=["on", "off"])
def test_it_works_wherever_entries_are_shipped(tmp_path: Path, ship: Any, names: Any, status: str) -> None:
    """In a child, and in ``integration-logger ship``, which follows what the application has left in the folder."""
    url = f"sqlite:///{tmp_path}/log.db"
    with closing(IntegrationLogger(url, ship=ship, detectors=names)) as log:
        log.recorder.record(sent(KONDADO))
        assert log.flush(timeout=20)
    if ship is None:
        with started("ship", url):
            eventually(lambda: stored(url))
    assert [entry.status for entry in stored(url)] == [status]
