"""A short stretch of the soak: hosts and children that ship are killed at random instants."""

from __future__ import annotations

import random
from contextlib import nullcontext

import pytest

from tests.postgresql import server
from tests.reliability.faults.world import Ship
from tests.reliability.soak import forked_hosts, run

pytestmark = pytest.mark.reliability

KILLS = 20


@pytest.mark.parametrize("ship", ["thread", "process"])
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_killed_again_and_again(store: str, ship: Ship) -> None:
    """Several hosts at a time die and are replaced: no acknowledged call is missing, and none is stored twice."""
    with forked_hosts() as (hosts, sockets), server() if store == "postgresql" else nullcontext() as own:
        result = run(ship, own, KILLS, hosts, sockets, random.Random())
    assert (result.missing, result.twice, result.foreign, result.corrupt, result.rejected) == (0, 0, 0, 0, 0)
    assert result.acknowledged > 50
    assert result.killed.total() >= KILLS
