from __future__ import annotations

import fcntl
import os
from contextlib import closing
from pathlib import Path

import pytest

from integration_logger import IntegrationLogger
from integration_logger.cli.checks import PATIENCE, check_file_system, check_writable, file_system
from integration_logger.shipping.shipper import LOCK
from integration_logger.spool.segments import POSITION, Segment, frame
from tests.cli.commands import run


def test_a_healthy_log_passes(url: str, tmp_path: Path) -> None:
    """A store with a spool that is shipped passes every check."""
    with closing(IntegrationLogger(url)) as log:
        assert log.flush()
    done = run("check", url)
    assert done.exit_code == 0, done.output
    assert "✗" not in done.output


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
