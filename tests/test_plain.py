"""Any value as plain data: bounded, whatever the host hands over."""

from __future__ import annotations

import enum
import sys
import uuid
from collections import OrderedDict, deque, namedtuple
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_logger import codec
from integration_logger.plain import DEEPEST, MAX_CHARACTERS, MAX_ITEMS, Plain, plain
from integration_logger.texts import MAX_TEXT


class Unreadable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Card:
    owner: str
    number: str = field(repr=False, default="4111111111111111")


class Point(msgspec.Struct):
    x: int
    y: int


class Model(pydantic.BaseModel):
    name: str
    key: str = pydantic.Field(default="k", repr=False)
    secret: pydantic.SecretStr = pydantic.SecretStr("hunter2")


class Lazy:
    """As an ORM's query: whoever looks at its items, or prints it, asks a database."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("asked")

    __repr__ = __iter__  # type: ignore[assignment]


class Broken(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter("ab")

    def __len__(self) -> int:
        return 2


Pair = namedtuple("Pair", "left right")

VALUES: dict[str, tuple[object, object]] = {
    "none": (None, None),
    "true": (True, True),
    "number": (7, 7),
    "float": (0.5, 0.5),
    "nan": (float("nan"), "nan"),
    "infinity": (float("-inf"), "-inf"),
    "64 bits": (2**64, str(2**64)),
    "huge": (10**6000, f"<a whole number of {(10**6000).bit_length()} bits>"),
    "text": ("a\n\u202e", "a\n\u202e"),
    "surrogate": ("a\udcff", "a?"),
    "bytes": (b"text", "text"),
    "binary": (b"\xff\x00", "<2 bytes>"),
    "bytearray": (bytearray(b"text"), "text"),
    "datetime": (datetime(2026, 11, 21, 8, tzinfo=UTC), "2026-11-21T08:00:00+00:00"),
    "date": (date(2026, 11, 21), "2026-11-21"),
    "timedelta": (timedelta(seconds=90), "0:01:30"),
    "decimal": (Decimal("1.10"), "1.10"),
    "uuid": (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    "path": (PurePosixPath("/tmp/a"), "/tmp/a"),
    "enum": (Colour.RED, "red"),
    "int enum": (Level.HIGH, 3),
    "list": ([1, (2, {3})], [1, [2, [3]]]),
    "deque": (deque([1]), [1]),
    "range": (range(2), [0, 1]),
    "dict": ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
    "ordered": (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "dataclass": (Card("ana"), {"owner": "ana"}),
    "struct": (Point(1, 2), {"x": 1, "y": 2}),
    "pydantic": (Model(name="n"), {"name": "n", "secret": "**********"}),
    "named tuple": (Pair(1, 2), {"left": 1, "right": 2}),
    "exception": (ValueError("bad"), "ValueError: bad"),
    "class": (Point, str(Point)),
    "unreadable": ([Unreadable()], ["<Unreadable without a readable text>"]),
    "unreadable key": ({Unreadable: 1}, {str(Unreadable): 1}),
    "broken mapping": ({"m": Broken()}, {"m": "<Broken that could not be read>"}),
    "lazy": ({"query": Lazy()}, {"query": "<Lazy>"}),
    "iterator": (iter([1]), "<list_iterator>"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    """Each sort of value has one form."""
    given, expected = VALUES[name]
    assert plain(given) == expected


def test_an_iterator_is_not_used_up() -> None:
    """The host goes on with it."""
    items = iter([1, 2])
    plain({"items": items})
    assert list(items) == [1, 2]


def test_cycles() -> None:
    """What lies in itself is said so once; what lies beside itself is shown twice."""
    loop: list[Any] = [1]
    loop.append({"self": loop})
    assert plain(loop) == [1, {"self": "<itself>"}]
    shared = [1]
    assert plain([shared, shared]) == [[1], [1]]


def test_depth_items_and_text_are_bounded() -> None:
    """What was left out is said in its place."""
    deep: Any = "bottom"
    for _ in range(DEEPEST + 5):
        deep = [deep]
    assert str(plain(deep)).count("[") == DEEPEST
    assert plain([*range(MAX_ITEMS + 5)])[MAX_ITEMS:] == ["… 5 more"]
    assert plain({str(n): n for n in range(MAX_ITEMS + 5)})["…"] == "5 more"
    assert len(plain("word " * MAX_TEXT)) <= MAX_TEXT + 1
    many = plain(["word " * 700] * 100)
    assert sum(map(len, many)) < MAX_CHARACTERS + 5000
    nested = plain([[[n] * 10 for n in range(50)] for _ in range(50)])
    assert len(codec.to_json(nested)) < 20_000


def test_it_says_that_something_was_cut() -> None:
    """A body knows by it that it is not whole."""
    walk = Plain(items=2)
    walk.of([1, 2])
    assert walk.cut is False
    walk.of([3])
    assert walk.cut is True


def test_no_text_is_cut_within_a_word() -> None:
    """The beginning of a secret would not be known for one."""
    assert plain("a " + "k" * 5000) == "a …"


def test_a_dict_that_another_thread_changes() -> None:
    """It is taken at once, and what cannot be is said so."""

    class Changing(dict[str, int]):
        def items(self) -> Any:
            raise RuntimeError("dictionary changed size during iteration")

    assert plain({"a": Changing(b=1)}) == {"a": "<Changing that could not be read>"}


def test_the_hosts_interruption_is_the_hosts() -> None:
    """Nothing but exceptions is held back."""

    class Interrupting:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plain(Interrupting())


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(), max_size=20), st.binary(max_size=9),
    st.datetimes(), st.decimals(), st.uuids(), st.builds(Unreadable), st.builds(object), st.builds(lambda: 10**5000),
)  # fmt: skip
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=150, deadline=None)
@given(anything)
def test_whatever_it_is_every_encoder_takes_it(value: object) -> None:
    """Spool, JSON and what redaction expects."""
    found = plain(value)
    codec.to_json(found)
    codec.encode(found)
    assert plain(found) == found


def test_it_is_not_slowed_by_a_deep_recursion() -> None:
    """A value deeper than Python's own bound does no harm."""
    deep: Any = []
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    assert plain(deep)
    while deep:
        deep = deep[0]
