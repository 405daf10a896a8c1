"""Bodies as they pass: bounded, decoded from their coding, and told from files."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import bodies
from integration_logger.bodies import Body, content_type, decode, looks_like_text
from integration_logger.entry import Message


def kept(
    chunks: list[Any], kind: bytes | None = b"text/plain", coding: bytes | None = None, limit: int = 100
) -> Message:
    body = Body(limit, content_type(kind), coding)
    for chunk in chunks:
        body.feed(chunk)
    body.ended = True
    return bodies.message((), body)


@given(st.lists(st.binary(max_size=60), max_size=8), st.integers(1, 200))
def test_the_beginning_is_kept_however_it_is_cut_into_chunks(chunks: list[bytes], limit: int) -> None:
    """The kept bytes are the first of all bytes, the size is theirs, and a cut is marked."""
    whole = b"".join(chunks)
    message = kept(chunks, limit=limit)
    assert (message.body or b"") == whole[:limit]
    assert message.size == len(whole)
    assert message.truncated == (len(whole) > limit)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_no_more_is_held_than_the_limit(chunks: list[bytes]) -> None:
    """What is held while a body passes is bounded, and what is binary is not held at all."""
    for kind, bound in ((b"text/plain", 20), (b"image/png", 0)):
        body = Body(20, content_type(kind))
        for chunk in chunks * 50:
            body.feed(chunk)
        assert sum(len(chunk) for chunk in body.chunks) <= bound


def test_a_chunk_that_its_owner_changes_later_is_copied() -> None:
    """Servers may give buffers that they use again."""
    buffer = bytearray(b"first")
    body = Body(100, content_type(b"text/plain"))
    body.feed(buffer)
    body.feed(memoryview(buffer))
    buffer[:] = b"other"
    body.ended = True
    assert bodies.message((), body).body == b"firstfirst"


def test_a_body_that_did_not_end_is_truncated() -> None:
    """What broke off is only a beginning."""
    body = Body(100, content_type(b"text/plain"))
    body.feed(b"beg")
    message = bodies.message((), body)
    assert (message.body, message.truncated) == (b"beg", True)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"application/vnd.api+JSON", True),
        (b"application/atom+xml", True),
        (b"application/x-ndjson", True),
        (b"application/x-www-form-urlencoded", True),
        (b"application/graphql", True),
        (b"text/html", True),
        (b"text/event-stream", True),
        (b"multipart/form-data; boundary=x", True),
        (b"image/svg+xml", True),
        (b"image/png", False),
        (b"application/octet-stream", False),
        (b"application/zip", False),
        (b"audio/mpeg", False),
        (b"application/jsonx", False),
        (b"json", None),
        (b" text/plain ", True),
        (b"; charset=utf-8", None),
        (b"", None),
        (None, None),
        (b"\xff/\xfe", False),
    ],
)
def test_the_content_type_tells_text_from_files(header: bytes | None, text: bool | None) -> None:
    """Kinds that people read are kept, files are not, and where the type says nothing the bytes do."""
    assert content_type(header).text is text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"text/plain", "text/plain"),
        (b"Text/Plain;Charset=UTF-8", "Text/Plain; Charset=UTF-8"),
        (b'multipart/form-data; boundary="a b"; charset=x', 'multipart/form-data; boundary="a b"; charset=x'),
        (b"application/json; api_key=hunter2; charset=utf-8", "application/json; charset=utf-8"),
        (b"application/json; token=hunter2", "application/json"),
        (b"text/plain; charset=" + b"x" * 100, "text/plain"),
        (b"password=hunter2/hunter2", None),
        (b"json", None),
        (b"\xff/\xfe", None),
        (b"", None),
        (None, None),
    ],
)
def test_of_a_content_type_only_the_kind_charset_and_boundary_are_taken(header: bytes | None, name: str | None) -> None:
    """What else a stranger may write into the header stays there, where secrets are looked for."""
    assert content_type(header).name == name


@pytest.mark.parametrize("coding", [b"token=hunter2", b"gzip;x=hunter2", b"gzip " * 100, b"\xff"])
def test_a_coding_that_is_no_list_of_names_is_not_repeated(coding: bytes) -> None:
    """The entry says that the coding is unknown."""
    message = kept([b"hello"], coding=coding)
    assert (message.content_encoding, message.omitted, message.body) == ("unknown", "unparseable", None)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", True),
        (b"plain", True),
        ("é€\N{CAT FACE}".encode(), True),
        ("é€\N{CAT FACE}".encode()[:-1], True),
        ("é€\N{CAT FACE}".encode()[:-3], True),
        (b"a\0b", False),
        (b"\xff\xd8\xff\xe0", False),
        (b"\xe9t\xe9", False),
        (b"\xe2\x82" + b"x" * 10, False),
    ],
)
def test_bytes_of_unknown_type_are_text_if_they_are_utf8(data: bytes, text: bool) -> None:
    """A character that the limit cuts is no objection, a NUL is."""
    assert looks_like_text(data) is text


ENCODERS: dict[str, Any] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}
codings = st.lists(st.sampled_from([*ENCODERS]), min_size=1, max_size=4)


@given(st.binary(max_size=300), codings, st.integers(1, 400))
def test_codings_are_undone_in_turn_and_within_the_limit(data: bytes, names: list[str], limit: int) -> None:
    """Every combination gives back the beginning of what went in, and says whether that is all."""
    coded = data
    for name in names:
        coded = ENCODERS[name](coded)
    if all(name == "identity" for name in names):
        return  # nothing to undo, and nothing to cut
    intermediate_fits = limit >= 400 or len(set(names) - {"identity"}) == 1
    try:
        decoded, ended = decode(coded, ", ".join(names), limit)
    except Exception:
        assert not intermediate_fits
        return
    assert len(decoded) <= limit
    if intermediate_fits and names.count("identity") == len(names) - 1:
        assert decoded == data[:limit]
        assert not ended or decoded == data


@settings(max_examples=300)
@given(
    st.binary(max_size=300),
    st.one_of(st.sampled_from([b"gzip", b"deflate", b"br", b"zstd", b"gzip,br", b"nope"]), st.binary(max_size=20)),
)
def test_any_bytes_with_any_coding_make_a_message(data: bytes, coding: bytes) -> None:
    """Bytes that are not what their header says are left out; nothing raises, nothing exceeds the limit."""
    message = kept([data], coding=coding, limit=200)
    assert message.size == len(data)
    assert len(message.body or b"") <= max(200, len(data))
    assert message.omitted in (None, "unparseable")


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("padding", [b"", b"\0\0\0\0"])
def test_a_thousand_empty_members_cost_little(name: str, padding: bytes) -> None:
    """A body of nothing but beginnings is looked at for a bounded number of them."""
    data = ENCODERS[name](b"") * 3000 + padding
    message = kept([data], coding=name.encode(), limit=72 * 1024)
    assert message.truncated or message.omitted == "unparseable"


def test_padding_after_a_gzip_member_is_no_objection() -> None:
    """Zeros after the last member, as some senders write them, are passed over."""
    message = kept([gzip.compress(b"hello") + b"\0" * 8], coding=b"gzip")
    assert (message.body, message.truncated) == (b"hello", False)


def test_a_zstd_window_that_is_too_large_is_refused() -> None:
    """A frame that asks for more memory than RFC 8878 advises is left out."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(b"a" * 100) + compressor.flush()
    assert kept([data], coding=b"zstd").omitted == "unparseable"


def test_without_brotli_its_bodies_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codec is optional: where it is missing, br bodies are unparseable, and nothing fails."""
    monkeypatch.setitem(__import__("sys").modules, "brotli", None)
    assert kept([brotli.compress(b"hello")], coding=b"br").omitted == "unparseable"
