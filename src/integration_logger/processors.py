"""The seam for changing or dropping entries: after capture, before redaction.

A processor is any callable that takes an Entry and returns it, another one, or None to drop it. It sees
what passed before anything is masked; what it adds is redacted like the rest. One that raises costs the
entry its headers, query and bodies, never the host its request.
"""

from __future__ import annotations

from collections.abc import Callable

from integration_logger.entry import Entry

Processor = Callable[[Entry], Entry | None]
