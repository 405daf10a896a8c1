"""Faults under load: real hosts, real calls, and whatever can go wrong beneath the log.

``python -m tests.reliability.faults`` runs all of them for long and prints a table; the tests run each one shortly.
"""

from __future__ import annotations

from tests.reliability.faults import of_processes, of_the_spool, of_the_store
from tests.reliability.faults.run import Fault

FAULTS: list[Fault] = [*of_processes.FAULTS, *of_the_spool.FAULTS, *of_the_store.FAULTS]
