"""Identifiers: ordered, unique, and not repeated by forked children."""

from __future__ import annotations

import subprocess
import sys
import threading
from uuid import UUID

import pytest

from integration_logger.ids import new_id


def test_an_id_is_a_uuid_of_version_seven() -> None:
    """The form is that of RFC 9562, in small letters."""
    made = new_id()
    assert UUID(made).version == 7
    assert str(UUID(made)) == made


def test_ids_made_later_sort_later() -> None:
    """Ten thousand in a row are in order and different."""
    made = [new_id() for _ in range(10_000)]
    assert sorted(made) == made
    assert len(set(made)) == len(made)


def test_threads_make_different_ids() -> None:
    """Eight threads at once repeat none."""
    made: list[list[str]] = [[] for _ in range(8)]
    threads = [threading.Thread(target=lambda own=own: own.extend(new_id() for _ in range(2000))) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for own in made for id in own}) == 16_000


FORKING = """
import ctypes, os
from integration_logger.ids import new_id
new_id()
for _ in range(3):
    child = {fork}()
    made = "\\n".join(new_id() for _ in range(1000))  # both at once
    if child:
        os.waitpid(child, 0)
    print(made, flush=True)  # one after the other
    if not child:
        os._exit(0)
"""


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"], ids=["by Python", "without Python"])
def test_forked_children_make_ids_of_their_own(fork: str) -> None:
    """Neither a parent nor any of its children, made from the same state, repeats an id; servers in C fork, too."""
    code = FORKING.replace("{fork}", fork)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    made = done.stdout.split()
    assert len(made) == len(set(made)) == 6000
    assert all(UUID(id).version == 7 for id in made)
