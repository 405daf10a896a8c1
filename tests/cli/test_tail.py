from __future__ import annotations

import re
import signal
from datetime import UTC, datetime, timedelta

from tests.cli.commands import hostile, run, write
from tests.factories import make_entry
from tests.processes import started


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
