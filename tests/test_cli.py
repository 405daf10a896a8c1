from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from integration_logger import IntegrationLogger, codec
from integration_logger.cli import main
from integration_logger.cli.checks import PATIENCE, check_file_system, check_writable, file_system
from integration_logger.cli.terminal import block, line, shorten, size
from integration_logger.entry import Entry, Message
from integration_logger.query import EVERYTHING
from integration_logger.segments import POSITION, Segment, frame
from integration_logger.shipper import LOCK
from integration_logger.stores import store_from_url
from tests.factories import make_entry
from tests.processes import started

ESCAPE = "\x1b[2J"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of an empty SQLite store."""
    url = f"sqlite:///{tmp_path}/log.db"
    write(url)
    return url


def write(url: str, *entries: Entry) -> None:
    with closing(store_from_url(url)) as store:
        store.open()
        store.write(entries)


def run(*args: str, env: dict[str, str] | None = None, color: bool = False) -> Result:
    return CliRunner().invoke(
        main, args, env={"INTEGRATION_LOGGER_STORE": None, "NO_COLOR": None, **(env or {})}, color=color
    )


def hostile(**overrides: object) -> Entry:
    """An entry that tries to clear the screen from every text that it has."""
    message = Message(raw_headers=((b"x-note", ESCAPE.encode()),), body=f'{{"a": "{ESCAPE}\r\x9b"}}'.encode(), size=9)
    fields = {
        "url": f"https://shop.example.com/{ESCAPE}",
        "method": f"GET{ESCAPE}",
        "integration": ESCAPE,
        "operation": ESCAPE,
        "user_id": ESCAPE,
        "labels": {ESCAPE: ESCAPE},
        "errors": (ESCAPE,),
        "traceback": ESCAPE,
        "request": message,
        "response": message,
        "variables": {"a": ESCAPE},
    }
    return make_entry(status_code=500, **{**fields, **overrides})


# --- usage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["tail"], 2, "INTEGRATION_LOGGER_STORE"),
        (["show"], 2, "id"),
        (["show", "a", "b", "c"], 2, "id"),
        (["nothing"], 2, "nothing"),
        (["--nothing"], 2, "--nothing"),
        (["tail", "sqlite:////nowhere/log.db"], 1, "/nowhere/log.db"),
        (["tail", "nowhere"], 2, "sqlite:///"),
        (["tail", "strange://x"], 2, "strange"),
        (["tail", "memory:", "-q", "status:9xy"], 2, "status_code"),
        (["tail", "memory:", "--since", "yesterday"], 2, "since"),
        (["show", "memory:", "0198"], 1, "0198"),
        (["serve", "memory:", "--host", "0.0.0.0"], 2, "SSH"),
        (["serve", "memory:", "--host", "shop.example.com"], 2, "SSH"),
    ],
)
def test_errors_are_one_line(args: list[str], status: int, says: str) -> None:
    """What goes wrong is one line on stderr that says what it is about; status 2 for usage, 1 for all else."""
    done = run(*args)
    assert done.exit_code == status
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_without_a_command_it_shows_help() -> None:
    """The bare command shows what there is."""
    done = run()
    assert done.exit_code == 0
    assert all(name in done.stdout for name in ("demo", "serve", "tail", "show", "purge", "check"))


def test_the_store_may_come_from_the_environment(url: str) -> None:
    """INTEGRATION_LOGGER_STORE stands in for the store, in ``show`` too."""
    entry = make_entry()
    write(url, entry)
    environment = {"INTEGRATION_LOGGER_STORE": url}
    assert run("check", env=environment).exit_code == 0
    assert entry.id in run("show", entry.id, env=environment).stdout


def test_a_mistyped_name_makes_no_store(tmp_path: Path) -> None:
    """Reading a SQLite file that does not exist does not create it."""
    assert run("tail", f"sqlite:///{tmp_path}/typo.db").exit_code == 1
    assert list(tmp_path.iterdir()) == []


# --- show -------------------------------------------------------------------------------------------


def test_show_says_first_what_went_wrong(url: str) -> None:
    """The text of an entry begins with the call, its status and its errors, and holds its bodies."""
    entry = make_entry(status_code=500, method="POST", errors=("boom",), url="https://shop.example.com/orders")
    write(url, entry)
    lines = run("show", url, entry.id).stdout.splitlines()
    assert lines[0] == "POST https://shop.example.com/orders"
    assert "500 Internal Server Error" in lines[1]
    assert lines[2] == "boom"
    assert any('"currency"' in text for text in lines)


def test_show_json_is_what_the_api_says(url: str) -> None:
    """The JSON of an entry reads back to its public fields, control characters included."""
    entry = hostile()
    write(url, entry)
    with closing(store_from_url(url)) as store:
        store.open()
        stored = store.get(entry.id, EVERYTHING)
    assert stored is not None
    assert json.loads(run("show", url, entry.id, "--json").stdout) == json.loads(codec.to_json(codec.to_dict(stored)))


def test_show_curl_prints_the_command(url: str) -> None:
    """The command line of an entry is printed alone, so that it can be piped to a shell."""
    entry = make_entry(method="GET", url="https://shop.example.com/orders?a=1&b=2")
    write(url, entry)
    done = run("show", url, entry.id, "--curl")
    assert done.exit_code == 0
    assert done.stdout.startswith("curl ")


def test_show_curl_without_a_request_is_an_error(url: str) -> None:
    """An entry that is no HTTP call has no command, which is said on stderr."""
    entry = make_entry(kind="script", url=None, request=None, response=None)
    write(url, entry)
    done = run("show", url, entry.id, "--curl")
    assert (done.exit_code, done.stdout) == (1, "")


# --- what a terminal obeys --------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--json"], ["--curl"]])
def test_nothing_captured_reaches_the_terminal_raw(options: list[str], url: str) -> None:
    """Escape sequences in captured data are printed as text."""
    entry = hostile()
    write(url, entry)
    shown = run("show", url, entry.id, *options).output
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)


def test_lines_stay_lines() -> None:
    """Line breaks, terminal controls and reversed text become visible escapes in a line; a block keeps its lines."""
    assert line("a\nb\x1b[0m\u202e\x9b") == r"a\nb\x1b[0m\u202e\x9b"
    assert block("a\r\n\tb\rc\x1b") == "a\n\tb\\rc\\x1b"
    assert line("Olá, 東京 👩‍🚀") == "Olá, 東京 👩‍🚀"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2**31, "2.0 GiB")]
)
def test_sizes_are_readable(count: int, text: str) -> None:
    """A number of bytes is given in the unit that suits it."""
    assert size(count) == text


def test_long_addresses_lose_their_middle() -> None:
    """Beginning and end of an address stay, in exactly the width there is."""
    assert shorten("https://shop.example.com/orders/1", 20) == "https://s…m/orders/1"
    assert shorten("short", 20) == "short"


# --- tail -------------------------------------------------------------------------------------------


def test_tail_misses_nothing_and_repeats_nothing(url: str) -> None:
    """The last lines come first, then each new match once, and Ctrl-C ends it quietly."""
    old, new = [make_entry(status_code=500) for _ in range(3)], [make_entry(status_code=503) for _ in range(20)]
    write(url, *old)
    with started("tail", url, "-n", "2", "-q", "status:5xx") as running:
        seen = [running.stdout.readline() for _ in range(2)]
        for entry in new:
            write(url, entry, make_entry(status_code=200))
        seen += [running.stdout.readline() for _ in new]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait() == 130
        assert running.stdout.read() == ""
        assert running.stderr.read().strip() == ""
    assert [text.split()[-1] for text in seen] == [entry.id for entry in (*old[1:], *new)]


def test_a_row_tells_the_call(url: str) -> None:
    """A row shows status, direction, method, address, third party, duration and id."""
    entry = make_entry(status_code=503, method="POST", integration="stripe", duration=0.4121)
    write(url, entry)
    with started("tail", url) as running:
        row = running.stdout.readline()
    assert re.search(r"✗ 503 +↓ POST +https://shop\.example\.com/webhooks/.+ stripe +412 ms +" + entry.id, row)


def test_tail_neutralises_what_it_prints(url: str) -> None:
    """A row is one line without control characters, whatever the call holds."""
    entry = hostile()
    write(url, entry)
    with started("tail", url) as running:
        row = running.stdout.readline()
    assert entry.id in row
    assert row.isprintable() or row[:-1].isprintable()


def test_a_closed_pipe_is_quiet(url: str) -> None:
    """A reader that has enough, such as ``head``, ends the command without a word."""
    write(url, *(make_entry() for _ in range(500)))
    with started("tail", url, "-n", "500") as running:
        running.stdout.readline()
        running.stdout.close()
        write(url, make_entry())
        running.process.wait()
        assert running.stderr.read() == ""


def test_since_bounds_the_time(url: str) -> None:
    """``--since`` takes an age or a time, and leaves out what is older."""
    now = datetime.now(UTC)
    old, new = make_entry(started_at=now - timedelta(hours=3)), make_entry(started_at=now)
    write(url, old, new)
    with started("tail", url, "--since", "2h") as running:
        assert new.id in running.stdout.readline()


def test_no_color_is_respected(url: str) -> None:
    """Colours are used where they can be shown, and never with NO_COLOR."""
    entry = make_entry(status_code=500)
    write(url, entry)
    assert "\x1b[" in run("show", url, entry.id, color=True).output
    assert "\x1b[" not in run("show", url, entry.id, color=True, env={"NO_COLOR": "1"}).output


# --- serve ------------------------------------------------------------------------------------------


def test_serve_shows_the_log_to_who_has_the_token(url: str) -> None:
    """The browser answers the printed address and refuses one without the token; SIGTERM ends it cleanly."""
    write(url, make_entry())
    with started("serve", url, "--port", "0", "--token", "sesame") as running, httpx.Client(trust_env=False) as browser:
        address = re.search(r"(http://\S+)\?token=sesame", running.stdout.readline())
        assert address is not None
        assert browser.get(address[1]).status_code == 401
        assert browser.get(address[0], follow_redirects=True).status_code == 200
        assert len(browser.get(f"{address[1]}api/entries").json()["items"]) == 1
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait() == 0
        assert running.stderr.read() == ""


@pytest.mark.parametrize(("command", "extra"), [(["serve", "memory:"], "server"), (["demo"], "demo")])
def test_a_missing_extra_is_named(command: list[str], extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of its extra a command says what to install."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("serving", "demonstration"):
        monkeypatch.delitem(sys.modules, f"integration_logger.cli.{name}", raising=False)
    done = run(*command)
    assert done.exit_code == 1
    assert f"pip install 'integration-logger[{extra}]'" in done.stderr


# --- purge ------------------------------------------------------------------------------------------


def test_purge_deletes_what_a_dry_run_announces(url: str) -> None:
    """The dry run deletes nothing and gives the numbers that the purge then has."""
    past, future = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    kept = make_entry(expires_at=future)
    stripped = make_entry(expires_at=future, bodies_expire_at=past)
    write(url, kept, stripped, make_entry(expires_at=past), make_entry(expires_at=past))
    announced = run("purge", url, "--dry-run").output
    assert announced == run("purge", url, "--dry-run").output
    assert announced.startswith("2 entries and 3 bodies would be deleted")
    assert run("purge", url).output.startswith("2 entries and 3 bodies deleted")
    assert run("purge", url, "--dry-run").output.startswith("0 entries and 0 bodies")


# --- check ------------------------------------------------------------------------------------------


def test_a_healthy_log_passes(url: str, tmp_path: Path) -> None:
    """A store with a spool that is shipped passes every check."""
    with closing(IntegrationLogger(url)) as log:
        assert log.flush()
    done = run("check", url)
    assert done.exit_code == 0, done.output
    assert "✗" not in done.output


def test_an_unreachable_store_is_named(tmp_path: Path) -> None:
    """A store that cannot be opened is told with what to do, and status 1."""
    (tmp_path / "log.db").write_bytes(b"not a database" * 1000)
    done = run("check", f"sqlite:///{tmp_path}/log.db")
    assert done.exit_code == 1
    assert "✗" in done.output
    assert "→" in done.output


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool folder with one entry that nobody has shipped."""
    folder = tmp_path / "spool"
    folder.mkdir()
    segment = Segment(folder)
    segment.fill()
    segment.publish()
    segment.append(frame(b"an entry"))
    segment.file.close()
    return folder


def age(spool: Path, seconds: float) -> None:
    for path in spool.glob("*.seg"):
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - seconds))


def test_entries_that_nobody_ships_are_told(url: str, spool: Path) -> None:
    """Entries that have waited for long without a shipper are a problem; fresh ones are not."""
    assert run("check", url, "--spool", str(spool)).exit_code == 0
    age(spool, PATIENCE + 1)
    done = run("check", url, "--spool", str(spool))
    assert done.exit_code == 1
    assert "no process ships them" in done.output


def test_what_is_shipped_does_not_wait(url: str, spool: Path) -> None:
    """An old segment that is shipped to its last entry is no problem."""
    age(spool, PATIENCE + 1)
    for path in spool.glob("*.seg"):
        path.with_suffix(POSITION).write_bytes(b"%020d" % len(frame(b"an entry")))
    assert "nothing waits" in run("check", url, "--spool", str(spool)).output


def test_a_shipper_that_does_not_ship_is_told(url: str, spool: Path) -> None:
    """Entries that wait though a process holds the lock are another problem."""
    age(spool, PATIENCE + 1)
    with (spool / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run("check", url, "--spool", str(spool))
    assert done.exit_code == 1
    assert "though a process ships" in done.output


def test_the_spool_of_another_store_is_told(url: str, spool: Path) -> None:
    """A spool whose manifest names another store is not this one's."""
    (spool / "manifest.json").write_text('{"store": "sqlite:///other.db"}')
    done = run("check", url, "--spool", str(spool))
    assert done.exit_code == 1
    assert "other.db" in done.output


def test_refused_entries_are_told(url: str, spool: Path) -> None:
    """Entries that were set aside are counted."""
    (spool / "rejected").mkdir()
    (spool / "rejected" / "1.bin").touch()
    done = run("check", url, "--spool", str(spool))
    assert done.exit_code == 1
    assert "entries set aside" in done.output


def test_a_spool_that_cannot_be_written_is_told() -> None:
    """Whether a spool can be written is found out by writing, which root cannot do everywhere either."""
    assert check_writable(Path("/proc")).todo is not None


def test_a_network_file_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mount that a folder lies on decides: the deepest one, and of two at one place the later."""
    mounts = tmp_path / "mounts"
    share = tmp_path / "my share"
    share.mkdir()
    escaped = str(share).replace(" ", r"\040")
    mounts.write_text(
        f"d / ext4 rw 0 0\nh:/a {escaped} ext4 rw 0 0\nh:/a {escaped} nfs4 rw 0 0\nd /{'x' * 99} cifs rw 0 0\n"
    )
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(share / "deep", mounts) == "nfs4"
    assert file_system(share, tmp_path / "none") is None
    monkeypatch.setattr(file_system, "__defaults__", (mounts,))
    assert check_file_system(share, "the spool").todo is not None
    assert check_file_system(tmp_path, "the spool").todo is None
