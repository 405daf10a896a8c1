"""Positions: what was shipped of a segment is known after a restart, and what is unknown is shipped again."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_logger import codec
from integration_logger.spool import aside
from integration_logger.spool.segments import POSITION, SegmentReader, frame, shipped_to

PAYLOADS = [b"first", b"second", b"third"]
WHOLE = b"".join(map(frame, PAYLOADS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A segment of a dead process."""
    path = tmp_path / "0.seg"
    path.write_bytes(WHOLE)
    return path


def payloads(path: Path, limit: int = 10, *, acknowledge: bool = False) -> list[bytes]:
    reader = SegmentReader(path)
    reader.check_writer()
    frames = reader.read(limit)
    if acknowledge and frames:
        reader.acknowledge(frames[-1].end)
    reader.close()
    return [frame.payload for frame in frames]


def test_positions_survive_a_restart(path: Path) -> None:
    """A new reader goes on where the last one had acknowledged to, and not where it had read to."""
    assert payloads(path, 2) == PAYLOADS[:2]
    assert payloads(path, 2, acknowledge=True) == PAYLOADS[:2]
    assert payloads(path, acknowledge=True) == PAYLOADS[2:]
    assert payloads(path) == []


@pytest.mark.parametrize(
    "noted",
    [
        b"",
        b"7",
        b"-0000000000000000001",
        b"0000000000000000000x",
        b"%020d" % (len(WHOLE) + 1),
        b"9" * 20,
        b"%020d" % 3,
        bytes(20),
        bytes(range(200, 220)),
    ],
)
def test_a_position_that_cannot_be_right_is_none(path: Path, noted: bytes) -> None:
    """A damaged position, one beyond the end and one within a frame mean: ship all of it again, lose nothing."""
    path.with_suffix(POSITION).write_bytes(noted)
    assert payloads(path) == PAYLOADS


def test_a_position_at_the_end_is_right(path: Path) -> None:
    """What is shipped to its end is not shipped again, whether nothing follows or zeros."""
    path.with_suffix(POSITION).write_bytes(b"%020d" % len(WHOLE))
    assert payloads(path) == []
    path.write_bytes(WHOLE + bytes(1000))
    assert payloads(path) == []


def test_a_position_that_cannot_be_noted(path: Path) -> None:
    """Without a place to note it, a segment is shipped all the same."""
    path.with_suffix(POSITION).mkdir()
    assert payloads(path, acknowledge=True) == PAYLOADS


def test_only_the_owner_can_read_what_is_kept(path: Path) -> None:
    """Positions and what is set aside have mode 0600, their folder 0700."""
    path.write_bytes(b"damage" + WHOLE)
    assert payloads(path, acknowledge=True) == PAYLOADS
    (damage,) = path.parent.glob("corrupt/*")
    assert damage.read_bytes() == b"damage"
    assert damage.stat().st_mode & 0o777 == path.with_suffix(POSITION).stat().st_mode & 0o777 == 0o600
    assert damage.parent.stat().st_mode & 0o777 == 0o700


def test_damage_is_counted_once_it_is_behind(path: Path) -> None:
    """A stretch of damage is set aside and counted when what follows is stored, not each time it is read."""
    path.write_bytes(frame(b"a") + b"damage" + frame(b"b") + b"more damage" + frame(b"c"))
    reader = SegmentReader(path)
    reader.check_writer()
    for _ in range(3):
        frames = reader.read(2)
        assert reader.corrupt == 0
    reader.acknowledge(frames[-1].end)
    assert reader.corrupt == 1
    reader.acknowledge(reader.read(2)[-1].end)
    assert reader.corrupt == 2
    assert reader.read(2) == []
    assert reader.corrupt == 2
    reader.close()
    assert sorted(file.read_bytes() for file in path.parent.glob("corrupt/*")) == [b"damage", b"more damage"]


def test_damage_at_the_end_is_counted(path: Path) -> None:
    """A torn last frame is set aside too."""
    path.write_bytes(WHOLE + frame(b"torn")[:-2])
    assert payloads(path, acknowledge=True) == PAYLOADS
    reader = SegmentReader(path)
    reader.check_writer()
    assert reader.read(10) == []
    assert reader.corrupt == 1
    assert reader.backlog == 0
    reader.close()


def test_what_is_set_aside_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage beyond the bound is counted and not kept, and what cannot be kept stops nothing."""
    monkeypatch.setattr(aside, "ASIDE_BYTES", 10)
    path.write_bytes(b"damage" + frame(b"a") + b"too much" + frame(b"b"))
    reader = SegmentReader(path)
    reader.check_writer()
    frames = reader.read(10)
    reader.acknowledge(frames[-1].end)
    assert reader.corrupt == 2
    reader.close()
    assert [file.read_bytes() for file in path.parent.glob("corrupt/*")] == [b"damage"]


def test_a_newer_frame_is_left(path: Path) -> None:
    """Frames before one of a newer codec are read; that one and the rest are left for a newer shipper."""
    path.write_bytes(frame(b"old") + frame(b"new", codec.VERSION + 1) + frame(b"old too"))
    reader = SegmentReader(path)
    reader.check_writer()
    frames = reader.read(10)
    assert [found.payload for found in frames] == [b"old"]
    reader.acknowledge(frames[-1].end)
    assert reader.read(10) == []
    assert reader.newer
    reader.close()


def test_whether_a_segment_is_shipped(path: Path) -> None:
    """A segment is shipped up to its noted position, and wholly once it is gone."""
    assert not shipped_to(path, 1)
    payloads(path, 1, acknowledge=True)
    assert shipped_to(path, len(frame(PAYLOADS[0])))
    assert not shipped_to(path, len(WHOLE))
    path.unlink()
    assert not shipped_to(path, len(WHOLE))
    path.with_suffix(POSITION).unlink()
    assert shipped_to(path, len(WHOLE))


def test_a_deleted_segment_is_read_on(path: Path) -> None:
    """Whoever has a segment open can read it to its end although somebody deleted it."""
    reader = SegmentReader(path)
    assert not reader.deleted
    path.unlink()
    path.with_suffix(POSITION).unlink()
    assert reader.deleted
    reader.check_writer()
    frames = reader.read(10)
    reader.acknowledge(frames[-1].end)
    assert [frame.payload for frame in frames] == PAYLOADS
    reader.remove()
    assert [*path.parent.iterdir()] == []
