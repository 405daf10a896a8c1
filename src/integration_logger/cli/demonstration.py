"""Runs the demo: the hosts in this process, its traffic in another, and an account of what became of the calls."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import msgspec

from integration_logger.cli.serving import address, listen, serving, wait
from integration_logger.demo import warehouse
from integration_logger.demo.host import PaymentProviderDown, shop
from integration_logger.errors import IntegrationLoggerError
from integration_logger.logger import IntegrationLogger
from integration_logger.query import EVERYTHING, Query
from integration_logger.stores.base import Store
from integration_logger.viewer.local import local_only

SEED = 20261121
PATIENCE = 30
"""Seconds for the traffic to bring its calls to an end, and for the log to store what it has."""
RAISED_ON_PURPOSE = (PaymentProviderDown, NotImplementedError)


class Account(msgspec.Struct, frozen=True):
    """What became of the calls, compared by the id that each of them carries."""

    sent: int
    answered: int
    """Calls whose caller saw the complete answer; these must be stored."""
    stored: int
    lost: int
    twice: int

    @property
    def faultless(self) -> bool:
        """Whether each answered call is stored, and none twice."""
        return self.lost == 0 and self.twice == 0


def run(
    url: str | None, *, port: int | None, seconds: float | None, ready: Callable[[str], None], counted: bool
) -> Account | None:
    """Run until the time is up or Ctrl-C; ``ready`` gets the address of the log browser.

    Without the URL of a store the log lies in a temporary folder and goes with it. ``counted`` brings the traffic
    to its end, flushes the log and returns the account.
    """
    began = datetime.now(UTC)
    access = local_only()
    with TemporaryDirectory(prefix="integration-logger-demo-") as folder, listen("127.0.0.1", port) as listener:
        site, ledger = address(listener), Path(folder, "ledger")
        with (
            closing(IntegrationLogger(url or f"sqlite:///{folder}/integration-logs.db")) as log,
            serving(shop(log, access), listener, expected=RAISED_ON_PURPOSE) as ended,
            warehouse.serving(warehouse.warehouse(log)) as stock,
        ):
            answers(site)
            with traffic(site, stock, ledger, patience=PATIENCE if counted else 0):
                ready(f"{site}/logs/?token={access.token}")
                wait(ended, seconds)
            if not counted:
                return None
            log.flush(timeout=PATIENCE)
            return account(ledger, log.store, began)


def answers(site: str) -> None:
    """Wait until the host answers."""
    try:
        httpx.get(f"{site}/healthz", timeout=PATIENCE, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        raise IntegrationLoggerError(f"the sample host does not answer: {error}") from None


@contextmanager
def traffic(site: str, stock: str, ledger: Path, *, patience: float) -> Iterator[None]:
    """Let another process call the shop and its warehouse; at the end its calls under way get ``patience`` seconds."""
    command = [sys.executable, "-m", "integration_logger.demo.traffic", site, stock, str(SEED)]
    with (
        ledger.open("wb") as output,
        # A session of its own keeps Ctrl-C here: this process decides how the other ends.
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, start_new_session=True) as process,  # noqa: S603
    ):
        try:
            yield
            process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
        except BaseException:
            process.kill()
            raise
    if process.returncode > 0:
        raise IntegrationLoggerError("the traffic process ended by itself; what it printed above says why")


def account(ledger: Path, store: Store, since: datetime) -> Account:
    """Compare what the callers saw with what the store holds."""
    seen: dict[str, set[str]] = {"sent": set(), "answered": set()}
    for line in ledger.read_text().splitlines():
        event, _, marker = line.partition(" ")
        seen[event].add(marker)
    store.open()
    query = Query.parse([("kind", "inbound"), ("since", since.isoformat()), ("order", "asc")], EVERYTHING)
    stored = Counter(str(entry.labels.get("request_id")) for entry in store.stream(query))
    return Account(
        sent=len(seen["sent"]),
        answered=len(seen["answered"]),
        stored=len(seen["sent"] & stored.keys()),
        lost=len(seen["answered"] - stored.keys()),
        twice=sum(stored[marker] > 1 for marker in seen["sent"]),
    )
