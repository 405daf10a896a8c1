"""A process that records and ships until its standard input ends: ``recording.py STORE SPOOL RATE``; prints each id.

Every tenth call expires at once; what is printed of it is the id and ``short``.
"""

from __future__ import annotations

import select
import sys
from contextlib import closing
from typing import Final

from integration_logger import IntegrationLogger, Retention, Rule
from integration_logger.capture import Capture

RETENTION: Final = Retention("30 days", rules=[Rule("1 second", log_type="short")])


def main(store: str, spool: str, rate: float) -> None:
    """Record until told to end, and ship all of it."""
    with closing(IntegrationLogger(store, spool=spool, retention=RETENTION)) as log:
        number = 0
        while not select.select([sys.stdin], [], [], 1 / rate)[0]:
            number += 1
            capture = Capture("call")
            capture.status_code = 200
            word = "short" if number % 10 == 0 else "long"
            capture.label(log_type=word)
            log.recorder.record(capture)
            print(capture.id, word, flush=True)
        assert log.flush(timeout=60)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
