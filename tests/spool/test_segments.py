"""Segments: whatever happens to a file, every other frame of it is read, once."""

from __future__ import annotations

import os
import random
import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import codec
from integration_logger.spool.segments import (
    HEADER,
    MAGIC,
    MAX_FRAME,
    READ_AHEAD,
    READ_AT_ONCE,
    SEGMENT_BYTES,
    Segment,
    SegmentReader,
    frame,
    segments,
)

payloads = st.lists(st.binary(max_size=400) | st.just(MAGIC * 5) | st.just(frame(b"a frame in a frame")), max_size=12)
THREE = [b"first", b"second" * 50, b"third"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@contextmanager
def written(payloads: Sequence[bytes], *, zeros: int = 0) -> Iterator[Path]:
    """A segment of a dead process with these entries, and so many zeros behind them."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "0.seg")
        path.write_bytes(b"".join(map(frame, payloads)) + bytes(zeros))
        yield path


def segment_with(folder: Path, *payloads: bytes) -> Segment:
    segment = Segment(folder)
    segment.publish()
    for payload in payloads:
        assert segment.append(frame(payload))
    return segment


def read_all(path: Path, limit: int = 5) -> list[bytes]:
    """Read as the shipper of a dead process's segment does."""
    reader = SegmentReader(path)
    try:
        assert reader.check_writer()
        found: list[bytes] = []
        while frames := reader.read(limit):
            found += [frame.payload for frame in frames]
            reader.acknowledge(frames[-1].end)
        return found
    finally:
        reader.close()


def set_aside(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(path.parent.glob("corrupt/*.bin"))]


# --- reading back -----------------------------------------------------------------------------------


@given(payloads, st.integers(0, 5000), st.integers(1, 20))
def test_what_is_written_is_read(payloads: list[bytes], zeros: int, limit: int) -> None:
    """Any sequence of entries is read back whole and in order, with or without zeros ahead, in batches of any size."""
    with written(payloads, zeros=zeros) as path:
        assert read_all(path, limit) == payloads
        assert set_aside(path) == []


@given(payloads, st.data())
def test_a_cut_segment_keeps_its_whole_frames(payloads: list[bytes], data: st.DataObject) -> None:
    """A segment that is cut at any byte loses only the frame that the cut goes through."""
    ends = [sum(len(frame(p)) for p in payloads[: number + 1]) for number in range(len(payloads))]
    size = data.draw(st.integers(0, ends[-1] if ends else 0))
    with written(payloads) as path:
        os.truncate(path, size)
        assert read_all(path) == payloads[: sum(end <= size for end in ends)]


def test_cutting_at_each_byte() -> None:
    """The same at every byte of one segment."""
    whole = b"".join(map(frame, THREE))
    ends = [len(frame(THREE[0])), len(frame(THREE[0]) + frame(THREE[1])), len(whole)]
    for size in range(len(whole) + 1):
        with written(THREE) as path:
            os.truncate(path, size)
            assert read_all(path) == THREE[: sum(end <= size for end in ends)]


@pytest.mark.parametrize("bit", [0x01, 0x10, 0x80, 0xFF])
def test_flipping_each_byte(bit: int) -> None:
    """A changed byte costs the frame that it is in, wherever it is, and no other."""
    whole = b"".join(map(frame, THREE))
    for at in range(len(whole)):
        hit = 0 if at < len(frame(THREE[0])) else 1 if at < len(frame(THREE[0]) + frame(THREE[1])) else 2
        with written(THREE) as path:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            assert read_all(path) == THREE[:hit] + THREE[hit + 1 :], at
            assert set_aside(path), at


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), min_size=3, max_size=10), st.data())
def test_damage_costs_what_it_touches(payloads: list[bytes], data: st.DataObject) -> None:
    """A stretch of arbitrary bytes costs the frames that it touches."""
    whole = b"".join(map(frame, payloads))
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole)))
    noise = data.draw(st.binary(min_size=end - start, max_size=end - start))
    with written(payloads) as path:
        path.write_bytes(whole[:start] + noise + whole[end:])
        found = read_all(path)
    at, spared = 0, []
    for payload in payloads:
        if at + len(frame(payload)) <= start or at >= end:
            spared.append(payload)
        at += len(frame(payload))
    left = iter(found)
    assert all(payload in left for payload in spared)


def test_large_frames_are_read() -> None:
    """Frames longer than what is read ahead are read, and batches of them end before they fill the memory."""
    rng = random.Random(1)
    large = [rng.randbytes(size) for size in (READ_AHEAD - 11, READ_AHEAD, READ_AT_ONCE + 1, 10, READ_AT_ONCE)]
    with written(large) as path:
        assert read_all(path, limit=1000) == large
        reader = SegmentReader(path)
        reader.position = 0
        assert len(reader.read(1000)) == 3
        assert reader.more
        reader.close()


@pytest.mark.parametrize("between", [bytes(READ_AT_ONCE + 5), b"x" * (READ_AT_ONCE + 5)], ids=["zeros", "damage"])
def test_a_long_gap_ends_nothing(between: bytes) -> None:
    """However much lies between them that is no frame, the frames behind it are read."""
    with written([]) as path:
        path.write_bytes(frame(b"before") + between + frame(b"after"))
        assert read_all(path) == [b"before", b"after"]
        assert [len(damage) for damage in set_aside(path)] == [len(between)] * (between[0] > 0)


def test_a_length_beyond_reason_is_damage() -> None:
    """A length longer than any frame is not waited for."""
    with written([b"entry"]) as path:
        path.write_bytes(HEADER.pack(MAGIC, MAX_FRAME + 1, 0, codec.VERSION) + frame(b"entry"))
        assert read_all(path) == [b"entry"]


def test_a_false_length_hides_nothing() -> None:
    """A frame that claims those behind it is damage; those behind it are read."""
    with written([]) as path:
        path.write_bytes(HEADER.pack(MAGIC, 5_000_000, 0, codec.VERSION) + b"".join(map(frame, THREE)))
        assert read_all(path) == THREE


# --- a living writer --------------------------------------------------------------------------------


def test_a_living_writer_may_still_complete_its_frame(folder: Path) -> None:
    """What is not whole yet is waited for while the writer lives, with the frames behind it, and costs nothing."""
    segment = segment_with(folder)
    data = frame(b"slow")
    os.pwrite(segment.file.number, data[:5], 0)
    os.pwrite(segment.file.number, frame(b"fast"), len(data))
    reader = SegmentReader(segment.path)
    assert not reader.check_writer()
    assert reader.read(10) == []
    os.pwrite(segment.file.number, data, 0)
    assert [found.payload for found in reader.read(10)] == [b"slow", b"fast"]
    reader.close()


def test_a_gap_between_frames_is_passed_over(folder: Path) -> None:
    """Room that was reserved and never written costs nothing once the writer has gone."""
    segment = segment_with(folder, b"before")
    segment.end += 5000
    segment.append(frame(b"after"))
    segment.seal()
    path = segment.path
    del segment
    assert read_all(path) == [b"before", b"after"]
    assert set_aside(path) == []


def test_threads_write_at_once(folder: Path) -> None:
    """Frames of many threads lie side by side; none is lost, none is torn."""
    segment = segment_with(folder)
    wanted = [[f"{thread} {number} ".encode() * 20 for number in range(300)] for thread in range(8)]

    def write(payloads: list[bytes]) -> None:
        for payload in payloads:
            segment.append(frame(payload))

    threads = [threading.Thread(target=write, args=(payloads,)) for payloads in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    segment.file.close()
    found = read_all(segment.path, 100)
    assert sorted(found) == sorted(payload for payloads in wanted for payload in payloads)
    assert [payload for payload in found if payload.startswith(b"3 ")] == wanted[3]


def test_nothing_is_written_after_the_seal(folder: Path) -> None:
    """Where a segment ends is final once it is sealed; what was filled ahead and not used is given back."""
    segment = Segment(folder)
    segment.fill()
    segment.publish()
    segment.append(frame(b"entry"))
    assert segment.path.stat().st_size == SEGMENT_BYTES
    assert segment.seal() == len(frame(b"entry")) == segment.path.stat().st_size
    assert segment.append(frame(b"late")) == 0
    segment.file.close()
    assert read_all(segment.path) == [b"entry"]


def test_a_write_that_the_disk_cuts_leaves_nothing(folder: Path) -> None:
    """A short write raises, and leaves no damage behind, so that the entry may go elsewhere."""
    segment = segment_with(folder, b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (segment.end + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="disk full"):
            segment.append(frame(b"x" * 500))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    segment.append(frame(b"after"))
    segment.file.close()
    assert read_all(segment.path) == [b"before", b"after"]
    assert set_aside(segment.path) == []


def test_a_segment_has_its_name_only_once_it_is_locked(folder: Path) -> None:
    """No segment that a shipper can see is without its writer's lock."""
    segment = Segment(folder)
    assert segments(folder) == []
    segment.publish()
    assert segments(folder) == [segment.path]
    reader = SegmentReader(segment.path)
    assert not reader.check_writer()
    segment.file.close()
    assert reader.check_writer()
    reader.close()
