"""CSV: what is read back is what was logged, and no spreadsheet finds a formula in it."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_logger.entry import Entry, Message, Run
from integration_logger.errors import QueryError
from integration_logger.exports import CSV, export, export_one
from integration_logger.exports.cells import safe_text
from integration_logger.exports.columns import PRESETS, read_columns
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Store
from integration_logger.stores.memory import MemoryStore
from tests.factories import make_entry

HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)",
    "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil.example","x")', " =1+1", "\u00a0=1+1", "\ufeff=1+1", "'=1+1",
    "''=1+1", "' =1", "=", "-", "\x00=1+1", "\x1b\x00=1+1", "\u200b+1", "\u3000@A1",
]  # fmt: skip
DIVIDED = ["a;=1+1;b", "a\t+1\tb", "a\n-1+1;", "a\r\n@A1;", ";\x00=1+1", ";\uff1d1+1", "a;'=1+1", '";=1+1;"', ";;-1"]
"""In these a formula begins for a spreadsheet that divides columns by semicolons or tabs."""
HARMLESS = [
    "", "a=1", "1-1", "a@b.example", "'quoted'", " two", "é", "0", "12.5", '{"=": 1}', "x\ty", "'", " ", "a; b", ";",
    "a; -1", "text/html; charset=utf-8", "two\nlines", "x;y=1",
]  # fmt: skip


def text_of(columns: str, *entries: Entry, **options: Any) -> str:
    """Return the file that a store with these entries gives."""
    store = MemoryStore()
    store.write(entries)
    return whole(store, CSV(read_columns(columns), **options)).decode()


def whole(store: Store, format: CSV) -> bytes:
    return b"".join(chunk.data for chunk in export(format, store, Query(scope=EVERYTHING, order="asc")))


def read(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_cell_begins_as_a_formula(text: str) -> None:
    """An apostrophe stands before what a spreadsheet could take for a formula, and only there."""
    (row,) = read(text_of("operation,label.x", make_entry(operation=text, labels={"x": text})))
    written = f"'{text[0]}'{text[1:]}" if text[0] in "\t\r\n" else f"'{text}"
    assert row == {"operation": written, "label.x": written}


@pytest.mark.parametrize("text", DIVIDED, ids=range(len(DIVIDED)))
def test_no_formula_begins_where_columns_are_divided_otherwise(text: str) -> None:
    """In much of the world a spreadsheet divides by semicolons, and takes our quotes in the middle for a text."""
    labels = {"x": text, "list": [text], text: text}
    entry = make_entry(operation=text, labels=labels, variables={text: [text]}, user_id="2")
    columns = f"user_id,operation,label.x,label.list,labels,variables,label.{text.replace(',', '')}"
    cells = [cell for line in re.split("[\r\n]", text_of(columns, entry)) for cell in re.split("[;\t]", line)]
    assert [cell for cell in cells if re.match("['\x00]*[-=+@\uff1d]", cell) and not cell.startswith("'")] == []
    (row,) = read(text_of(columns, entry))
    assert logged(row["operation"]) == logged(row["label.x"]) == text
    assert (json.loads(row["labels"]), json.loads(row["variables"])) == (labels, {text: [text]})


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_all_other_texts_stay_as_they_are(text: str) -> None:
    """A guard that changes ordinary data is a fault, too."""
    (row,) = read(text_of("operation,label.x", make_entry(operation=text, labels={"x": text})))
    assert row == {"operation": text, "label.x": text}


def test_what_was_logged_can_be_had_again() -> None:
    """No two texts are written alike, so that the apostrophe can be taken off."""
    texts = [apostrophes + text for text in (*HOSTILE, *DIVIDED, *HARMLESS) for apostrophes in ("", "'", "''")]
    assert [logged(safe_text(text)) for text in texts] == texts


@given(st.text("'=+-@;\t\r\n\x00 \uff1da", max_size=12))
def test_any_text_can_be_had_again(text: str) -> None:
    """Whatever it is made of."""
    assert logged(safe_text(text)) == text


def logged(cell: str) -> str:
    """Take the apostrophes off again, as the guide tells it."""
    dropped, signs = r"'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\ufeff", r"=+\-@\uff1d\uff0b\uff0d\uff20"
    blank = " \xa0\u3000"
    cell = re.sub(f"(?<=[;\t\r\n])'(?=[{dropped}]*[{signs}])", "", cell)
    return re.sub(f"^'(?=[{dropped}{blank}]*[{signs}\t\r\n])", "", cell)


def test_numbers_stay_numbers() -> None:
    """Numeric columns have no apostrophe, negative ones included."""
    run = Run(row_count=-5, mb_estimate=-0.25, initial_savepoint=-7)
    entry = make_entry(status_code=200, duration=0.000001, run=run)
    text = text_of("status_code,duration,run.row_count,run.mb_estimate,run.initial_savepoint", entry)
    assert text.splitlines()[1] == "200,1e-06,-5,-0.25,-7"


def test_follows_the_rfc() -> None:
    """CRLF ends a row; cells with commas, quotes and line ends are quoted; emoji stay what they are (RFC 4180)."""
    text = text_of("operation,method", make_entry(operation='a,"b"\r\nc\nd😀', method="GET"))
    assert text == 'operation,method\r\n"a,""b""\r\nc\nd😀",GET\r\n'
    assert read(text) == [{"operation": 'a,"b"\r\nc\nd😀', "method": "GET"}]


def test_excel_is_told_the_encoding_where_that_is_asked_for() -> None:
    """The mark stands before the titles, and nowhere without being asked for."""
    assert text_of("id", bom=True).encode() == b"\xef\xbb\xbfid\r\n"
    assert text_of("id") == "id\r\n"


def test_the_last_line_is_there_where_it_is_asked_for() -> None:
    """It says how many entries there are; without it every line is one of them."""
    entries = [make_entry() for _ in range(3)]
    assert text_of("id", *entries, last_line=True).splitlines()[-1] == "# complete: 3 entries"
    assert len(text_of("id", *entries).splitlines()) == 4


def test_an_entry_alone_is_a_file_too() -> None:
    """It has the titles and one row."""
    entry = make_entry()
    assert export_one(CSV(read_columns("id")), entry) == f"id\r\n{entry.id}\r\n".encode()


@pytest.mark.parametrize("name", PRESETS)
def test_every_field_is_written_as_in_json(name: str) -> None:
    """Names and values are those of the API: times in UTC, true and false, lists as JSON."""
    run = Run(job_id="7", row_count=3)
    entry = make_entry(status_code=503, labels={"a": "b", "list": ["c", "d"]}, run=run, errors=("first", "second"))
    (row,) = read(text_of(name, entry))
    assert {*row} == {*PRESETS[name]}
    assert json.loads(row["errors"]) == ["first", "second"]
    assert json.loads(row["labels"]) == {"a": "b", "list": ["c", "d"]}
    assert row["started_at"] == entry.started_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (row.get("has_errors", "true"), row["outcome"], row["seq"]) == ("true", "error", "1")
    if name == "all":
        assert json.loads(row["run"])["row_count"] == 3
        assert row["status_label"] == "Service Unavailable"
        assert row["ended_at"] == entry.ended_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # type: ignore[union-attr]


def test_what_takes_the_detail_can_be_had_as_columns() -> None:
    """Headers, bodies and all else of the two halves, variables, traceback."""
    message = Message(raw_headers=[(b"a", b"1"), (b"a", b"2")], body=b"=1", content_type="text/plain", size=2)
    entry = make_entry(request=message, response=None, variables={"x": 1}, traceback="Trace", redacted=("a: name",))
    columns = "request.headers,request.body,request.size,request.truncated,response.body,variables,traceback,redacted"
    (row,) = read(text_of(columns, entry))
    assert [*row.values()] == [
        '[["a","1"],["a","2"]]', "'=1", "2", "false", "", '{"x":1}', "Trace", '["a: name"]',
    ]  # fmt: skip
    assert all(column.detail for column in read_columns(columns))
    assert not any(column.detail for name in ("standard", "all", "rook") for column in read_columns(name))


def test_columns_are_bounded() -> None:
    """A file of thousands of columns would keep the application busy for one reader."""
    assert len(read_columns(",".join(f"label.{number}" for number in range(200)))) == 200
    with pytest.raises(QueryError, match="at most 200"):
        read_columns(",".join(f"label.{number}" for number in range(201)))


@pytest.mark.parametrize("name", ["colour", "request", "request.colour", "run.colour", "label.", "", "id,,kind"])
def test_an_unknown_column_is_refused_by_name(name: str) -> None:
    """One clear error, and no file with a column less."""
    with pytest.raises(QueryError, match=r"columns: has no column '\S*'"):
        read_columns(name)


def test_the_columns_of_rook_are_those_of_its_portal() -> None:
    """R7 to R13: date, time, type, pillar, user, status as code and label, source; in that order and in those words."""
    started = datetime(2026, 11, 21, 8, 30, 5, 999999, tzinfo=UTC)
    labels = {"category": "Sleep Health", "data_source": ["Garmin", "Fitbit"]}
    entries = [
        make_entry(started_at=started, log_type="summaries", user_id="u1", status_code=200, labels=labels),
        make_entry(started_at=started, log_type="events", user_id="u2", status_code=404, labels={"data_source": "=1"}),
        make_entry(started_at=started, log_type="events", user_id=None, status_code=418, labels={}),
        make_entry(started_at=started, log_type="events", user_id=None, status_code=None, labels={}),
    ]
    assert text_of("rook", *entries).splitlines() == [
        "Date,Time,Type,Pillar,User ID,Status,Source",
        '2026-11-21,08:30:05,summaries,Sleep Health,u1,200 - Successful,"Garmin, Fitbit"',
        "2026-11-21,08:30:05,events,,u2,404 - Not Found,'=1",
        "2026-11-21,08:30:05,events,,,418 - I'm a Teapot,",
        "2026-11-21,08:30:05,events,,,No answer,",
    ]


def test_rook_labels_its_fifteen_codes() -> None:
    """R13: exactly these words, some of which are not those of the standard."""
    words = {
        200: "Successful", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No content",
        205: "Reset content", 206: "Partial content", 300: "Multiple choice", 301: "Moved Permanently", 302: "Found",
        303: "See Other", 304: "Not modified", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    }  # fmt: skip
    rows = read(text_of("rook", *(make_entry(status_code=code) for code in words)))
    assert [row["Status"] for row in rows] == [f"{code} - {word}" for code, word in words.items()]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice: tests/install_spreadsheet.sh")
def test_a_spreadsheet_finds_no_formula(tmp_path: Path) -> None:
    """LibreOffice, told to evaluate formulas, shows the result of none, whatever divides columns; bare, it would."""
    entries = [make_entry(operation=text, labels={"x": text}) for text in (*HOSTILE, *DIVIDED, *HARMLESS) if text]
    (tmp_path / "log.csv").write_text(text_of("operation,label.x,labels,duration", *entries), newline="")
    (tmp_path / "bare.csv").write_text("operation\r\n=1+1\r\n\0=1+1\r\n2;=1+1\r\n")
    assert [formulas(tmp_path / "bare.csv", signs) for signs in ("44", "59/9")] == [2, 3]
    assert [formulas(tmp_path / "log.csv", signs) for signs in ("44", "59/9")] == [0, 0]


def formulas(path: Path, signs: str) -> int:
    """Return how many cells of a file are formulas to LibreOffice: these signs divide, UTF-8, formulas evaluated."""
    read = f"CSV:{signs},34,76,1,,0,false,true,false,false,false,-1,true"
    command = ["soffice", f"-env:UserInstallation={path.parent.as_uri()}/profile", "--headless", f"--infilter={read}"]
    converted = [*command, "--convert-to", "fods", "--outdir", str(path.parent), str(path)]
    subprocess.run(converted, capture_output=True, check=True, timeout=100)
    return path.with_suffix(".fods").read_text().count("table:formula=")


def test_polars_reads_the_values_that_were_logged(tmp_path: Path) -> None:
    """Another reader of CSV finds the same texts and numbers, and types its columns by them."""
    texts = [*HOSTILE, *HARMLESS, 'a,"b"\r\nc', "😀", "x" * 10_000]
    entries = [
        make_entry(operation=text or None, status_code=200 + place, duration=place / 8)
        for place, text in enumerate(texts)
    ]
    path = tmp_path / "log.csv"
    path.write_text(text_of("operation,status_code,duration,id", *entries), newline="")
    frame = polars.read_csv(path)
    assert frame.schema["status_code"] == polars.Int64
    assert frame.schema["duration"] == polars.Float64
    assert frame["operation"].to_list() == [safe_text(text) if text else None for text in texts]
    assert frame["status_code"].to_list() == [entry.status_code for entry in entries]
    assert frame["duration"].to_list() == [entry.duration for entry in entries]
    assert frame["id"].to_list() == [entry.id for entry in entries]
