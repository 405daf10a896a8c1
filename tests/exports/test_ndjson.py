"""NDJSON: every entry whole, and back again."""

from __future__ import annotations

import json

import pytest

from integration_logger import codec
from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import CodecError
from integration_logger.exports import NDJSON, entries, export, export_one
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry

ALL = Query(scope=EVERYTHING, order="asc")
BODIES = [
    (b"{}", "application/json"),
    ("é😀".encode(), "text/plain"),
    ("é".encode("latin-1"), "text/plain; charset=latin-1"),
    ("é".encode("latin-1"), "text/plain"),
    (bytes(range(256)), "application/octet-stream"),
    (b"\xff\xfeh\x00i\x00", "text/plain; charset=utf-16"),
    ("日本".encode("shift_jis"), 'text/plain; charset="Shift_JIS"'),
    (b"+AOk-", "text/plain; charset=utf-7"),
    (b"\xef\xbb\xbfhi", "text/plain; charset=utf-8-sig"),
    (b"hi", "text/plain; charset=utf-8-sig"),
    (b"x", "text/plain; charset=nothing"),
    (b"\0\r\n\x1b[2J", None),
    (b"", "text/plain"),
    (None, "image/png"),
]


def lines(store: Store, format: NDJSON | None = None) -> list[bytes]:
    return b"".join(chunk.data for chunk in export(format or NDJSON(), store, ALL)).splitlines()


def filled(*stored: Entry) -> MemoryStore:
    store = MemoryStore()
    store.write(stored)
    return store


@pytest.mark.parametrize(("body", "content_type"), BODIES, ids=range(len(BODIES)))
def test_bodies_come_back_byte_for_byte(body: bytes | None, content_type: str | None) -> None:
    """As text where the text is exactly these bytes, else in base64."""
    message = Message(
        raw_headers=[(b"x-\xe9", b"\xff"), (b"a", b"1"), (b"a", b"")], body=body, content_type=content_type
    )
    store = filled(make_entry(request=message, response=message))
    (back,) = entries(lines(store))
    assert [back] == [*store.stream(ALL)]


def test_ordinary_bodies_are_readable_text() -> None:
    """Nobody has to undo base64 to read JSON."""
    line = json.loads(lines(filled(make_entry(request=Message(body='{"ä": 1}'.encode(), size=9))))[0])
    assert line["request"]["body"] == '{"ä": 1}'
    assert "body_encoding" not in line["request"]


def test_entries_come_back_into_another_store() -> None:
    """What a store exports and another takes in is equal in all fields."""
    odd = make_entry(
        labels={"list": ["a", "b"], "ü": "=1"}, variables={"a": [1, None, {"b": 1.5}]},
        run=Run(job_id="7", row_count=-1),
        errors=("a\nb",), traceback="Traceback\n", request=None, url="https://x.example/\u2028?q=😀", status_code=None,
    )  # fmt: skip
    store = filled(*(make_entry() for _ in range(30)), odd, make_entry(response=None, duration=None, first_byte=None))
    copy = filled(*entries(lines(store)))
    assert [*copy.stream(ALL)] == [*store.stream(ALL)]


def test_a_line_has_the_names_of_the_api() -> None:
    """The names are those of the JSON of one entry."""
    entry = make_entry()
    line = json.loads(export_one(NDJSON(), entry).splitlines()[0])
    assert line == json.loads(codec.to_json(codec.to_dict(entry)))


def test_the_last_line_says_that_the_export_is_complete() -> None:
    """It has the number of entries; who reads a file without it is told."""
    found = lines(filled(make_entry(), make_entry()))
    assert json.loads(found[-1]) == {"complete": True, "entries": 2}
    for broken in (found[:-1], [*found[:-1], b'{"complete":false,"entries":2}']):
        with pytest.raises(CodecError, match="not complete"):
            list(entries(broken))


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"1", b'{"id": 1', b'{"id": "x"}', b'{"id": "x", "started_at": "soon"}', b"\xff"],
    ids=range(8),
)  # fmt: skip
def test_other_lines_are_one_clear_error(line: bytes) -> None:
    """A file that is no export is refused, whatever is in it."""
    with pytest.raises(CodecError, match="of an export"):
        list(entries([line]))


def test_without_the_detail_there_are_no_bodies_nor_sizes() -> None:
    """What takes the permission is null, as in the API."""
    entry = make_entry(variables={"secret": 1}, traceback="secret")
    line = json.loads(lines(filled(entry), NDJSON(detail=False))[0])
    assert [line[name] for name in ("request", "response", "variables", "traceback", "redacted")] == [None] * 4 + [[]]
    assert line["url"] == entry.url
