"""Which trace a call belongs to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integration_logger.adapters.trace_context import trace_id


@given(st.one_of(st.none(), st.binary(), st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")))
def test_a_trace_id_is_hex_or_none(header: bytes | None) -> None:
    """Whatever a client writes, only a valid trace id is taken."""
    found = trace_id(header)
    assert found is None or (len(found) == 32 and set(found) <= set("0123456789abcdef") and set(found) != {"0"})
