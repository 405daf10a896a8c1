"""The command ``integration-logger ship``: moves entries from a spool folder to the store, beside the application."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from integration_logger import options
from integration_logger.cli import terminal
from integration_logger.errors import ConfigurationError, StoreError
from integration_logger.ids import new_id
from integration_logger.observers import IntegrationHealth, Observers
from integration_logger.retention import Retention
from integration_logger.shipping.background import Background
from integration_logger.shipping.child import Job, is_free
from integration_logger.shipping.detectors import DETECTORS
from integration_logger.shipping.process import LAST_SECONDS, Ending, make_shipper, run
from integration_logger.shipping.shipper import LOCK, Shipper
from integration_logger.spool.folders import read_manifest, read_rules
from integration_logger.spool.writer import Spool

LOOK_EVERY = 0.1
"""Seconds between two looks at what has changed."""


def ship(store: str, folder: Path | None, period: str | None) -> None:
    """Ship until somebody asks for the end, and say what happens."""
    ending, counts = Ending(), dict.fromkeys(("shipped", "rejected", "corrupt"), 0)
    while not ending.asked:
        begun = read_job(store, folder, period)
        shipper = make_shipper(begun)

        def go_on(begun: Job = begun) -> bool:
            return not ending.asked and begun == read_job(store, folder, period)

        _ship(shipper, go_on)
        for name in counts:
            counts[name] += shipper.counts[name]
    click.echo(", ".join(f"{number:,} {name}" for name, number in counts.items() if number or name == "shipped"))


def read_job(store: str, folder: Path | None, period: str | None) -> Job:
    """Return what is to be done; raise where it cannot be."""
    spool = options.read_spool(folder or Spool(), store)
    if spool is None or spool.folder is None or store.startswith("memory:"):
        raise ConfigurationError("a store in memory: is the application's own, and nobody else can ship to it")
    name = options.store_name(store)
    if (other := read_manifest(spool.folder)) not in (None, name):
        raise StoreError(f"the spool folder {spool.folder} belongs to another store ({other})")
    left = read_rules(spool.folder)
    return Job(
        store=store,
        name=name,
        folder=str(spool.folder),
        retention=_retention(spool.folder, left, period).to_data(),
        detectors=_detectors(left),
    )


def _retention(folder: Path, left: bytes | None, period: str | None) -> Retention:
    """Return the rules that are asked for, else those that the application has left in the folder."""
    if period is None and left is not None:
        try:
            return Retention.from_data(msgspec.json.decode(left))
        except (msgspec.DecodeError, ConfigurationError, KeyError, IndexError, TypeError, ValueError):
            raise StoreError(f"the rules in {folder} cannot be read: give --retention") from None
    return options.read_retention(period)


def _detectors(left: bytes | None) -> tuple[str, ...]:
    """Return the detectors that the application has left on; all where it has not said."""
    try:
        names = DETECTORS if left is None else msgspec.json.decode(left)["detectors"]
        return tuple(name for name in DETECTORS if name in names)
    except (msgspec.DecodeError, KeyError, TypeError):
        return DETECTORS


def _ship(shipper: Shipper, go_on: Callable[[], bool]) -> None:
    said = ""

    def look() -> bool:
        nonlocal said
        if (now := _situation(shipper)) not in (None, said):
            said = str(now)
            click.echo(terminal.line(said))
        time.sleep(LOOK_EVERY)
        return go_on()

    observers = Observers(shipper.store, new_id())
    observers.add(IntegrationHealth())  # an application that leaves shipping to this command asks no store
    observers.start()

    def end() -> None:
        observers.stop()
        observers.join(time.monotonic() + LAST_SECONDS)

    run(Background(None, shipper), look, end)


def _situation(shipper: Shipper) -> str | None:
    """Say how it stands, or nothing in the moment before the folder is taken."""
    free = shipper.folder is not None and is_free(shipper.folder / LOCK)
    if not free and not shipper.has_folder:  # it may just be being taken here
        time.sleep(LOOK_EVERY)
    if shipper.has_folder:
        return f"Shipping {shipper.folder} to {shipper.url}; Ctrl-C ends it"
    if shipper.folder is not None and not shipper.folder.is_dir():
        return f"There is no folder {shipper.folder} yet; waiting for the application to make it"
    return None if free else f"Another process ships {shipper.folder}; waiting until it ends"
