from __future__ import annotations

import json
import re
from contextlib import closing

import pytest

from integration_logger import codec
from integration_logger.cli.terminal import block, line, shorten, size
from integration_logger.query import EVERYTHING
from integration_logger.stores import store_from_url
from tests.cli.commands import hostile, run, write
from tests.factories import make_entry


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
