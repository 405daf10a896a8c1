"""What the reference takes from the definitions is what they say now."""

from __future__ import annotations

import msgspec
import pytest

from integration_logger import local_only
from integration_logger.filters import FILTERS
from integration_logger.stores.memory import MemoryStore
from integration_logger.viewer import Viewer, operations, parameters
from integration_logger.viewer.render import PROBLEMS
from tests.docs import make_reference, pages


@pytest.mark.parametrize("page", [make_reference.API, make_reference.KONDADO])
def test_the_reference_is_made_from_the_definitions(page: str) -> None:
    """Whoever changes a definition brings the page up to date by one command."""
    is_up_to_date = make_reference.made(page) == pages.read(page)
    assert is_up_to_date, (
        f"{page} is older than what it is made from; make it anew: python -m tests.docs.make_reference"
    )


def test_everything_has_its_words() -> None:
    """Each route, filter, parameter, refusal and name in an answer says what it is, and nothing is left over."""
    found = operations.operations(Viewer(MemoryStore(), authorize=local_only()).routes)
    assert {operation.path for operation in found} == {*operations.ABOUT}
    assert {*parameters.FINDS} == {*FILTERS}
    assert {*operations.REFUSALS} == {*PROBLEMS}
    assert [(o.path, p.name) for o in found for p in o.takes if not p.about] == []
    shapes = {given for o in found for given in o.gives.values() if isinstance(given, type)}
    assert [
        (shape.__name__, name)
        for shape in shapes
        if shape.__name__ != "Entry"
        for name, schema in msgspec.json.schema(shape)["$defs"][shape.__name__]["properties"].items()
        if "description" not in schema
    ] == []
