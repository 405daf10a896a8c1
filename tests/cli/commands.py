"""Running commands in this process, on stores with what a test needs."""

from __future__ import annotations

from contextlib import closing

from click.testing import CliRunner, Result

from integration_logger.cli import main
from integration_logger.entry import Entry, Message
from integration_logger.stores import store_from_url
from tests.factories import make_entry

ESCAPE = "\x1b[2J"


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
