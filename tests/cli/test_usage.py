from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import run, write
from tests.factories import make_entry


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
