"""Exporting from the command line: to a file or a pipe, and on where it was broken off."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from integration_logger.entry import Entry
from integration_logger.errors import StoreError
from integration_logger.exports import entries
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores import store_from_url
from integration_logger.stores.sql import streaming
from tests.cli.commands import run, write
from tests.deadlines import eventually
from tests.factories import make_entry

RESUMABLE = ("csv", "ndjson")


@pytest.fixture
def stored(url: str) -> list[Entry]:
    """What the store has, the oldest first."""
    write(url, *(make_entry(status_code=500 if number % 3 else 200) for number in range(300)))
    with closing(store_from_url(url)) as store:
        return [*store.stream(Query(scope=EVERYTHING, order="asc"))]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROWS", "WHOLE", "FIRST"):
        monkeypatch.setattr(streaming, name, 20)


def test_a_file_holds_what_the_filters_find(url: str, stored: list[Entry], tmp_path: Path) -> None:
    """The format is told by the name of the file; only the owner may read it."""
    path = tmp_path / "failed.csv"
    done = run("export", url, "-o", str(path), "-q", "outcome:error", "--columns", "id,status_code")
    failed = [entry for entry in stored if entry.status == "failed"]
    assert (done.exit_code, done.stderr) == (0, f"200 entries in {path}\n")
    assert [*csv.reader(path.read_text().splitlines())][1:] == [[e.id, str(e.status_code)] for e in failed]
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(tmp_path.glob("failed*")) == [path]


def test_a_pipe_gets_the_file(url: str, stored: list[Entry]) -> None:
    """NDJSON by default, from the oldest on; the newest first if asked for."""
    done = run("export", url)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [*entries(done.stdout.splitlines())] == stored
    assert [*entries(run("export", url, "--order", "desc").stdout.splitlines())] == stored[::-1]
    assert json.loads(run("export", url, "--format", "har").stdout)["log"]["_entries"] == 300


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("format", RESUMABLE)
def test_goes_on_where_the_store_failed(
    url: str, stored: list[Entry], tmp_path: Path, format: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put together from two parts is what one would have been, byte for byte."""
    whole, broken = tmp_path / f"whole.{format}", tmp_path / f"broken.{format}"
    options = ("-q", "outcome:error", "--since", "9999d", "--order", order)
    assert run("export", url, "-o", str(whole), *options).exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(streaming, "batches", failing(streaming.batches))
        patched.setattr(streaming, "columns", failing(streaming.columns))
        done = run("export", url, "-o", str(broken), *options)
    assert done.exit_code == 1
    assert "--resume goes on from there" in done.stderr
    assert not broken.exists()
    done = run("export", url, "-o", str(broken), *options, "--resume")
    assert done.stderr == f"200 entries in {broken}\n"
    assert broken.read_bytes() == whole.read_bytes()


def failing(read: Any) -> Any:
    """Return a way to read that ends with an error after five batches."""

    def fails(*args: Any, **options: Any) -> Iterator[Any]:
        for number, batch in enumerate(read(*args, **options)):
            if number == 5:
                raise StoreError("gone")
            yield batch

    return fails


@pytest.mark.reliability
def test_goes_on_after_a_kill(url: str, tmp_path: Path) -> None:
    """SIGKILL at any moment costs nothing but the time since the last batch."""
    write(url, *(make_entry(body_size=20_000) for _ in range(600)))
    path, beside = tmp_path / "log.ndjson", tmp_path / "log.ndjson.resume"
    command = [sys.executable, "-m", "integration_logger", "export", url, "-o", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        eventually(lambda: beside.exists() and json.loads(beside.read_text())["entries"] > 0, 30)
        process.send_signal(signal.SIGKILL)
    assert not path.exists()
    done = run("export", url, "-o", str(path), "--resume")
    assert done.stderr == f"600 entries in {path}\n"
    assert path.read_text() == run("export", url).stdout


@pytest.mark.usefixtures("stored", "small_batches")
def test_nobody_else_reads_along(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody put where the export is to be written is not written to, nor what a link leads to."""
    trap, elsewhere = tmp_path / "log.csv.part", tmp_path / "elsewhere"
    elsewhere.touch(0o666)
    trap.symlink_to(elsewhere)
    with monkeypatch.context() as patched:
        patched.setattr(streaming, "columns", failing(streaming.columns))
        run("export", url, "-o", str(tmp_path / "log.csv"))
    assert elsewhere.read_bytes() == b""
    for path in (trap, tmp_path / "log.csv.resume"):
        assert path.lstat().st_mode & 0o177777 == 0o100600
    trap.rename(elsewhere)
    trap.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert run("export", url, "-o", str(tmp_path / "log.csv"), "--resume").exit_code == 1
    trap.unlink()
    elsewhere.rename(trap)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert "belongs to somebody else" in run("export", url, "-o", str(tmp_path / "log.csv"), "--resume").stderr
    assert trap.read_bytes() == before


@pytest.mark.usefixtures("stored", "small_batches")
def test_says_that_the_log_was_begun_anew(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two logs are not put together into one file."""
    path = str(tmp_path / "copy.csv")
    with monkeypatch.context() as patched:
        patched.setattr(streaming, "columns", failing(streaming.columns))
        run("export", url, "-o", path)
    for file in tmp_path.glob("log.db*"):
        file.unlink()
    write(url, make_entry())
    assert "begun anew" in run("export", url, "-o", path, "--resume").stderr


@pytest.mark.usefixtures("stored")
def test_says_why_it_does_not_go_on(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to go on with, other options, a file that is too short, a format of one piece, no file at all."""
    path = str(tmp_path / "log.csv")
    assert "there is no" in run("export", url, "-o", path, "--resume").stderr
    with monkeypatch.context() as patched:
        patched.setattr(streaming, "columns", failing(streaming.columns))
        patched.setattr(streaming, "ROWS", 20)
        run("export", url, "-o", path)
    assert "other options" in run("export", url, "-o", path, "--resume", "-q", "kind:inbound").stderr
    Path(f"{path}.part").write_bytes(b"")
    assert "shorter" in run("export", url, "-o", path, "--resume").stderr
    assert "one document" in run("export", url, "-o", path, "--format", "har", "--resume").stderr
    assert "--output" in run("export", url, "--resume").stderr


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_terminal_shows_how_far_it_is(url: str, stored: list[Entry], tmp_path: Path, order: str) -> None:
    """A bar goes up to the end, with a count of entries; standard output and the file have nothing of it."""
    path = tmp_path / "failed.ndjson"
    shown = on_terminal("export", url, "-o", str(path), "-q", "outcome:error", "--order", order)
    assert [int(part) for part in re.findall(r"(\d+)%", shown)] == sorted(int(p) for p in re.findall(r"(\d+)%", shown))
    assert "100%" in shown
    assert "200 entries" in shown
    assert len([*entries(path.read_bytes().splitlines())]) == 200


def test_a_terminal_shows_that_there_is_nothing(url: str, tmp_path: Path) -> None:
    """An empty log is exported, too."""
    assert "0 entries in" in on_terminal("export", url, "-o", str(tmp_path / "log.csv"))


def on_terminal(*args: str) -> str:
    """Run a command with a terminal for its messages; return what that shows."""
    terminal, its_side = pty.openpty()
    command, seen = [sys.executable, "-m", "integration_logger", *args], b""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=its_side) as process:
        os.close(its_side)
        with suppress(OSError):  # Linux ends a terminal so
            while some := os.read(terminal, 4096):
                seen += some
        os.close(terminal)
        assert process.stdout
        assert process.stdout.read() == b""
    assert process.returncode == 0, seen
    return seen.decode()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--columns", "colour"), "no column 'colour'"), (("--format", "har", "--bom"), "for CSV"),
        (("--format", "ndjson", "--columns", "id"), "for CSV"), (("-q", "limit:x status:teapot"), "takes a code"),
        (("--since", "soon"), "since"), (("--format", "xml"), "xml"),
        (("-o", "log.csv.gz"), "does not tell the format"), (("-o", "log"), "does not tell the format"),
    ],
    ids=range(8),
)  # fmt: skip
def test_bad_options_are_one_clear_error(url: str, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    """And leave no file behind."""
    done = run("export", url, "-o", str(tmp_path / "log.csv"), *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert [*tmp_path.glob("log.csv*")] == []


def test_a_password_is_not_written_down(stored: list[Entry]) -> None:
    """What lies beside the file names the store without it."""
    from integration_logger.cli.exporting import Asked, _begun

    asked = Asked(
        store="postgresql://me:s3cret@db/log", query="", since="", format="csv", columns=None, bom=False, order="asc"
    )
    assert "s3cret" not in str(_begun(asked))
