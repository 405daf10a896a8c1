"""HAR 1.2: valid by the schema that others check it with, and it holds what was logged."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft6Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT6

from integration_logger.entry import Entry, Message
from integration_logger.exports import HAR, export, export_one
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry, make_in_flight

SCHEMAS = json.loads(Path(__file__).with_name("har-schema.json").read_text())["schemas"]
REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{name}.json", DRAFT6.create_resource({**schema, "$id": f"{name}.json"})) for name, schema in SCHEMAS.items()
)
VALIDATOR = Draft6Validator(SCHEMAS["har"], registry=REGISTRY, format_checker=FormatChecker())

HOSTILE_URLS = [
    "https://x.example/a b\r\n?q=[REDACTED]&é=😀#\x00",
    "http://[::1]:8080/?=&&a&b=%zz",
    "https://x.example/\\..\"<>|^`{}",
    "HTTPS://user:[REDACTED]@x.example",
    "https://x.example/" + "a" * 20_000,
    "http://[::1",
]  # fmt: skip


def har(*entries: Entry, **options: Any) -> dict[str, Any]:
    """Return the log that a store with these entries gives, once it is found valid."""
    store = MemoryStore()
    store.write(entries)
    data = b"".join(c.data for c in export(HAR(**options), store, Query(scope=EVERYTHING, order="asc")))
    return valid(data)


def valid(data: bytes) -> dict[str, Any]:
    document = json.loads(data)
    assert [f"{list(error.path)}: {error.message}" for error in VALIDATOR.iter_errors(document)] == []
    log: dict[str, Any] = document["log"]
    return log


def test_the_validator_finds_what_is_wrong() -> None:
    """A check that finds nothing proves nothing."""
    document = json.loads(export_one(HAR(), make_entry()))
    del document["log"]["entries"][0]["response"]["status"]
    document["log"]["entries"][0]["time"] = "long"
    assert len(list(VALIDATOR.iter_errors(document))) == 2


def test_calls_are_what_they_were() -> None:
    """Method, address, headers, bodies, status and times are those of the entry."""
    response = Message(raw_headers=[(b"set-cookie", b"a=1; Path=/"), (b"Location", b"/x")], body=b"no", size=2)
    entry = make_entry(status_code=404, url="https://x.example/a?b=1&b=2", response=response)
    (call,) = har(entry)["entries"]
    assert call["request"]["url"] == entry.url
    assert call["request"]["queryString"] == [{"name": "b", "value": "1"}, {"name": "b", "value": "2"}]
    assert call["request"]["postData"]["text"].encode() == entry.request.body  # type: ignore[union-attr]
    assert [(h["name"], h["value"]) for h in call["request"]["headers"]] == [*entry.request.headers]  # type: ignore[union-attr]
    assert (call["response"]["status"], call["response"]["statusText"]) == (404, "Not Found")
    assert call["response"]["cookies"] == [{"name": "a", "value": "1"}]
    assert call["response"]["redirectURL"] == "/x"
    assert call["response"]["content"]["text"] == "no"
    assert call["time"] == pytest.approx((entry.duration or 0) * 1000)
    assert sum(call["timings"].values()) == pytest.approx(call["time"])
    assert call["_integration_logger"]["id"] == entry.id


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=range(len(HOSTILE_URLS)))
def test_every_address_becomes_a_valid_one(url: str) -> None:
    """Whatever was asked for, the file can be opened."""
    (call,) = har(make_entry(url=url))["entries"]
    assert call["request"]["url"].isascii()
    assert not set(call["request"]["url"]) & set(' \r\n\x00\\"<>^`{|}')


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://user:[REDACTED]@x.example/a?b=[REDACTED]", "https://user:%5BREDACTED%5D@x.example/a?b=[REDACTED]"),
        ("HTTPS://[REDACTED]@x.example", "HTTPS://%5BREDACTED%5D@x.example"),
        ("http://\u00e9.example:8080/", "http://xn--9ca.example:8080/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("https://[REDACTED].example/a", "https://unknown.invalid/a"),
        ("http://[::1", "http://unknown.invalid"),
        ("http://x.example:99999/", "http://unknown.invalid/"),
        ("http://x.example:http/", "http://unknown.invalid/"),
        ("http://x..example/", "http://unknown.invalid/"),
        (f"http://{'a' * 64}.example/", "http://unknown.invalid/"),
        ("http://%zz/", "http://unknown.invalid/"),
        ("http://user:@/x", "http://unknown.invalid/x"),
    ],
    ids=range(12),
)
def test_every_address_has_a_host_that_there_may_be(url: str, written: str) -> None:
    """One that is none would keep mitmproxy and Firefox from opening the whole file; what was logged is told."""
    (call,) = har(make_entry(url=url))["entries"]
    assert call["request"]["url"] == written
    parts = urlsplit(written)
    assert parts.hostname
    assert (parts.port or 0) <= 65_535
    assert call["_integration_logger"].get("url") == (url if "unknown.invalid" in written else None)


@pytest.mark.parametrize("coding", ["gzip, br", "aes128gcm", "utf-8", ""])
def test_an_odd_content_coding_keeps_nobody_from_opening_the_file(coding: str) -> None:
    """mitmproxy codes bodies anew as the header says, and opens nothing where it cannot; the header is told apart."""
    odd = Message(raw_headers=[(b"Content-Encoding", coding.encode()), (b"a", b"1")], body=b"x")
    known = Message(raw_headers=[(b"content-encoding", b"GZIP")], body=b"x")
    for half in ("request", "response"):
        first, second = har(make_entry(**{half: odd}), make_entry(**{half: known}))["entries"]  # type: ignore[arg-type]
        assert first[half]["headers"] == [{"name": "a", "value": "1"}]
        assert first[half]["_content_encoding"] == [coding]
        assert second[half]["headers"] == [{"name": "content-encoding", "value": "GZIP"}]


def test_a_list_of_pages_is_there() -> None:
    """HAR does not ask for one, and Firefox opens no file without."""
    assert har(make_entry())["pages"] == []


def test_odd_calls_are_valid() -> None:
    """No answer, no bodies, binary bodies, cut ones, missing figures, broken cookies."""
    cut = Message(body=b'{"a": "', truncated=True, size=10**9, decoded_size=2 * 10**9)
    log = har(
        make_entry(status_code=None, response=None, request=None, duration=None, first_byte=None, http_version=None),
        make_entry(response=Message(body=bytes(range(256)), content_type="image/png"), method=None),
        make_entry(request=Message(omitted="binary", size=7), response=cut, first_byte=9.0, duration=1.0),
        make_entry(request=Message(raw_headers=[(b"cookie", b'a="\x01; ;;=,'), (b"", b"\xff")]), kind="outbound"),
        make_entry(kind="outbound", server_host="203.0.113.7"),
        make_entry(kind="outbound", server_host="not an address"),
        make_in_flight().entry,
    )
    none, binary, kept, *_, addressed, named, begun = log["entries"]
    assert (begun["response"]["status"], begun["response"]["_error"]) == (0, "no answer yet")
    assert (none["response"]["status"], none["response"]["_error"]) == (0, "exception")
    assert b64decode(binary["response"]["content"]["text"]) == bytes(range(256))
    assert binary["response"]["content"]["encoding"] == "base64"
    assert kept["request"]["postData"]["comment"] == "the body was not kept: binary"
    assert kept["response"]["content"]["comment"] == "only the beginning of the body was kept"
    assert kept["response"]["content"]["size"] == 2 * 10**9
    assert addressed["serverIPAddress"] == "203.0.113.7"
    assert "serverIPAddress" not in named


def test_it_says_how_many_calls_there_are_and_what_was_left_out() -> None:
    """Runs and scripts have no place in a HAR; an export without one call is valid, too."""
    log = har(make_entry(), make_entry(kind="run", url=None), make_entry(), make_entry(url="/relative"))
    assert (log["_complete"], log["_entries"], len(log["entries"])) == (True, 2, 2)
    assert log["comment"] == "complete: 2 calls; 2 entries that are not HTTP were left out"
    assert har()["entries"] == []


def test_an_entry_alone_is_a_file_too() -> None:
    """It is valid, with one call."""
    assert len(valid(export_one(HAR(), make_entry()))["entries"]) == 1


def test_without_the_detail_there_are_no_bodies_nor_sizes() -> None:
    """Neither headers, bodies nor their sizes; what lists show stays."""
    entry = make_entry(status_code=200)
    (call,) = har(entry, detail=False)["entries"]
    assert call["request"]["headers"] == call["response"]["headers"] == []
    assert call["request"]["bodySize"] == call["response"]["bodySize"] == -1
    assert call["response"]["content"] == {"size": 0, "mimeType": "x-unknown"}
    assert "postData" not in call["request"]
    assert call["_integration_logger"]["redacted"] == []
    assert (call["request"]["url"], call["response"]["status"]) == (entry.url, 200)
