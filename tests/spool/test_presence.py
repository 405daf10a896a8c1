"""Presence: a process is told to live by a lock that only its end gives back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from integration_logger.descriptors import Descriptor
from integration_logger.spool.folders import tidy
from integration_logger.spool.presence import Presence, forget, present
from integration_logger.spool.writer import SpoolWriter
from tests.deadlines import eventually
from tests.spools import without_privileges


def test_who_shows_himself_is_there_until_he_ends(tmp_path: Path) -> None:
    """A process is present, then known to have gone, then forgotten."""
    here = Presence(tmp_path, "me")
    assert present(tmp_path) == {}
    here.show()
    here.show()
    assert present(tmp_path) == {"me": True}
    here.end()
    here.end()
    assert present(tmp_path) == {"me": False}
    forget(tmp_path, ["me", "nobody"])
    assert present(tmp_path) == {}
    assert [*tmp_path.iterdir()] == []


def test_the_file_is_private(tmp_path: Path) -> None:
    """As all files of the spool it has mode 0600."""
    here = Presence(tmp_path, "me")
    here.show()
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_a_file_has_its_name_only_once_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody looks while a process shows itself, it is never taken for gone."""
    seen: list[dict[str, bool]] = []
    shown: list[Presence] = []
    for step in ("lock", "is_at"):
        original = getattr(Descriptor, step)

        def looking(self: object, *args: object, original: object = original) -> bool:
            monkeypatch.undo()
            seen.append(present(tmp_path))
            return bool(original(self, *args))  # type: ignore[operator]

        monkeypatch.setattr(Descriptor, step, looking)
        shown.append(Presence(tmp_path, step))
        shown[-1].show()
        shown[-1].show()
    assert len(seen) == 2
    assert all(all(lives.values()) for lives in seen)


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    """Who is still there shows himself again after somebody has deleted his file, or the folder."""
    here = Presence(tmp_path / "spool", "me")
    with pytest.raises(FileNotFoundError):
        here.show()
    (tmp_path / "spool").mkdir()
    here.show()
    forget(tmp_path / "spool", ["me"])
    here.show()
    assert present(tmp_path / "spool") == {"me": True}


def test_a_killed_process_has_gone(tmp_path: Path) -> None:
    """``kill -9`` gives the lock back; being stopped does not."""
    child = os.fork()
    if not child:
        here = Presence(tmp_path, "child")
        here.show()
        signal.pause()
    try:
        eventually(lambda: present(tmp_path) == {"child": True})
        os.kill(child, signal.SIGSTOP)
        assert present(tmp_path) == {"child": True}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert present(tmp_path) == {"child": False}


def test_a_forked_process_does_not_keep_its_parent_alive(tmp_path: Path) -> None:
    """The presence of a process ends with it, although one that it has forked lives on."""
    here = Presence(tmp_path, "me")
    here.show()
    child = os.fork()
    if not child:
        signal.pause()
    try:
        assert present(tmp_path) == {"me": True}
        here.end()
        eventually(lambda: present(tmp_path) == {"me": False})
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_cannot_be_looked_at_counts_as_living() -> None:
    """Calls of a process whose file belongs to another user are not closed by mistake."""
    with without_privileges() as folder:
        (folder / "other.alive").touch(mode=0o000)
        if os.geteuid() == 0:
            pytest.skip("nobody is kept from reading a file here")
        assert present(folder) == {"other": True}


def test_no_folder_has_nobody(tmp_path: Path) -> None:
    """A folder that is not there, or is none, is in nobody's use."""
    (tmp_path / "file").touch()
    assert present(tmp_path / "nothing") == present(tmp_path / "file") == {}


def test_what_was_not_finished_is_tidied(tmp_path: Path) -> None:
    """A process that died between making and naming its file leaves nothing for ever, a living one keeps all."""
    (tmp_path / ".dead.new").touch()
    here = Presence(tmp_path, "me")
    here.show()
    tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["me.alive"]


def test_jobs_that_nobody_has_read_are_tidied(tmp_path: Path) -> None:
    """A job, which holds a password, does not stay where parent and child both died; a fresh one does."""
    for name, age in ((".old.job", 120), (".new.job", 0)):
        path = tmp_path / name
        path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    tidy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".new.job"]


def test_a_writer_shows_itself_again_by_itself(tmp_path: Path) -> None:
    """Between two reports, too: a file that was deleted is back as soon as the spool is looked after."""
    writer = SpoolWriter(tmp_path / "spool", "memory:", max_bytes=1024**2)
    assert writer.append_report(b"\x80", "me") is None
    forget(writer.folder, ["me"])
    writer.keep()
    assert present(writer.folder) == {"me": True}
    writer.close()
    assert present(writer.folder) == {"me": False}
