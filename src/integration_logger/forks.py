"""What a forked child has to do before anything else, whoever has forked it.

Python tells of its own forks. A server in C, such as uWSGI, forks without a word: the child notices that by its
process id, before it would write where its parent writes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from os import getpid

_actions: list[Callable[[], None]] = []
_process = getpid()
_noticing = threading.RLock()  # handlers of signals, and what the garbage collector ends, may interrupt who holds it


def in_child(action: Callable[[], None]) -> None:
    """Have this done in every child, after what was registered before it."""
    _actions.append(action)


def this_process() -> int:
    """Return the id of this process, and do first what a child has to, if it is one that does not know it yet."""
    process = getpid()
    if process != _process:
        with _noticing:
            if process != _process:
                _begin_anew()
    return process


def _begin_anew() -> None:
    global _process
    for action in _actions:
        action()
    _process = getpid()


def _after_fork() -> None:
    global _noticing
    _noticing = threading.RLock()
    _begin_anew()


os.register_at_fork(after_in_child=_after_fork)
