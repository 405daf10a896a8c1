"""Run a library's own tests bare and with the logger: ``python -m tests.upstream httpx [PYTEST_OPTION ...]``.

They come from the source distribution of the version that is installed, where that carries them. What they need
beyond this project's own test requirements is named, not installed: a module that cannot be collected is told for
both runs. Give it by ``PYTHONPATH``: Werkzeug's need ``ephemeral-port-reserve``, Flask's a pytest before 9, those of
httpx ``chardet`` 5 and ``socksio``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree

PLUGINS: Final = Path(__file__).with_name("plugins")
ROOT: Final = Path(__file__).parents[2]


class Suite(NamedTuple):
    """Where the tests of a library are, and which module of ``plugins`` puts the logger in front of it."""

    plugin: str
    tests: tuple[str, ...] = ("tests",)


SUITES: Final = {
    "flask": Suite("logged_flask"),
    "httpx": Suite("logged_httpx"),
    "httpx2": Suite("logged_httpx"),
    "starlette": Suite("logged_starlette"),
    "werkzeug": Suite("logged_werkzeug"),
}


def source(library: str, folder: Path) -> Path:
    """Return the unpacked source distribution."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    subprocess.run([*command, f"{library}=={version(library)}"], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (found,) = (each for each in folder.iterdir() if each.is_dir())
    return found


def outcomes(place: Path, suite: Suite, options: list[str], *, logged: bool) -> dict[str, str]:
    """Run the tests; return how each of them ended."""
    report = place.parent / f"{logged}.xml"
    path = os.pathsep.join([str(PLUGINS), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    plugin = ["-p", suite.plugin] if logged else []
    command = [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", *plugin, f"--junitxml={report}"]
    subprocess.run([*command, *suite.tests, *options], cwd=place, env={**os.environ, "PYTHONPATH": path}, check=False)
    return {
        f"{case.get('classname')}.{case.get('name')}": _outcome(case)
        for case in ElementTree.parse(report).iter("testcase")
    }


def _outcome(case: ElementTree.Element) -> str:
    return next((each.tag for each in case if each.tag in ("failure", "error", "skipped")), "passed")


def main(library: str, *options: str) -> int:
    """Print both results, and each test that ends in another way with the logger."""
    with tempfile.TemporaryDirectory(prefix="upstream-") as folder:
        place = source(library, Path(folder))
        if not all((place / tests).exists() for tests in SUITES[library].tests):
            print(f"{library} {version(library)}: the source distribution carries no tests")
            return 0
        bare, logged = (outcomes(place, SUITES[library], [*options], logged=each) for each in (False, True))
    for name, found in (("bare", bare), ("with the logger", logged)):
        counts = {outcome: [*found.values()].count(outcome) for outcome in sorted({*found.values()})}
        print(f"{library} {version(library)}, {name}: {counts}")
    different = [name for name in {**bare, **logged} if bare.get(name) != logged.get(name)]
    for name in different:
        print(f"  {name}: {bare.get(name)}, with the logger {logged.get(name)}")
    return len(different)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in SUITES:
        sys.exit(f"usage: python -m tests.upstream {'|'.join(SUITES)} [PYTEST_OPTION ...]")
    sys.exit(min(main(*sys.argv[1:]), 1))
