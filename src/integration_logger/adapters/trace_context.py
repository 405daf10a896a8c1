"""Which trace a call belongs to: that of OpenTelemetry, or that of the caller (W3C Trace Context)."""

from __future__ import annotations

import re
import sys
from typing import Final

OPENTELEMETRY: Final = "opentelemetry.trace"
"""The module that knows the current span, where the host has imported it."""


def trace_id(traceparent: bytes | None) -> str | None:
    """Return the trace id of OpenTelemetry's current span, else of a ``traceparent`` header, else None.

    The header's form is that of W3C Trace Context, 3.2: ``00-<32 hex>-<16 hex>-<2 hex>``.
    """
    if (otel := sys.modules.get(OPENTELEMETRY)) is not None:
        found = otel.get_current_span().get_span_context().trace_id
        if found:
            return f"{found:032x}"
    if traceparent is not None and (match := _TRACEPARENT.match(traceparent)):
        return match[1].decode()
    return None


_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|\Z)"
)
