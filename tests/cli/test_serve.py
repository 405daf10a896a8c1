from __future__ import annotations

import re
import signal
import sys

import httpx
import pytest

from tests.cli.commands import run, write
from tests.factories import make_entry
from tests.processes import started


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
