"""What every test may use, and in which order tests begin."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "crash"))

import forks
from order import shares
from support import SPECS, bcp, in_memory

from bcp.kernel import calm, secret
from bcp.testing import command

FORKS = pytest.StashKey()
AGAIN = tuple(f"tests/{room}/" for room in ("acceptance", "real", "scenarios", "server", "strange"))
if "PYTEST_DEBUG_TEMPROOT" not in os.environ and (place := in_memory()):
    os.environ["PYTEST_DEBUG_TEMPROOT"] = place
settings.register_profile("patient", deadline=None)  # a busy machine is slow; that is no finding
settings.register_profile("mutants", deadline=None, max_examples=25, derandomize=True, database=None)  # make mutants
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """One server of forks for all workers; it begins while they collect.

    Under ``nohup`` a hang-up is ignored, in the background of a shell a Ctrl-C, and whatever is begun there would
    ignore it, too. One that is taken is not ignored by children.
    """
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda n, frame: None)
    calm.begin()
    config.stash[FORKS] = forks.begin()
    forks.use()


def pytest_collection_finish() -> None:
    """What was collected stays: fifteen thousand tests are not looked through for garbage again and again."""
    calm.leave_alone()


def pytest_unconfigure(config: pytest.Config) -> None:
    """It ends with us."""
    forks.end(config.stash.get(FORKS, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with its share of what takes long, most of it waiting for real time.

    What plays with real servers and daemons on a machine that others use too has a second try; the summary names it.
    """
    for item in items:
        if item.nodeid.startswith(AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=1))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    places: Sequence[tuple[str, str]] = [(item.nodeid.partition("::")[0], item.name) for item in items]
    items[:] = [items[i] for share in shares(places, workers) for i in share]


def pytest_terminal_summary(terminalreporter) -> None:
    """Why a test needed its second try. How many wrong answers were tried; by kind, where somebody asked for more words
    (-v)."""
    from liars.summary import lines_of

    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.write_line(f"the first try of {report.nodeid}:")
        said = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
        terminalreporter.write_line("\n".join(said[:40]))
    reports = [r for rs in terminalreporter.stats.values() for r in rs if getattr(r, "when", "") == "call"]
    lines = list(lines_of(pair for r in reports for pair in r.user_properties))
    for line in lines if terminalreporter.config.option.verbose > 0 else [first.rstrip(":") for first in lines[:1]]:
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """What one test gave as a secret is a word like any other in the next: this process hides what it has once read."""
    before = dict(secret._known)
    yield
    secret._known.clear()
    secret._known.update(before)


@pytest.fixture(autouse=True)
def own_loudness() -> Iterator[None]:
    """What one test wants to hear of our log is not what the next one hears."""
    loggers = (logging.getLogger(), logging.getLogger("bcp"))
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def own_processes() -> Iterator[None]:
    """For a test that looks at a command from outside: its memory, its command line. Nothing is forked."""
    before = command.PROGRAM[:]
    command.PROGRAM[:] = [sys.executable, "-m", "bcp"]
    yield
    command.PROGRAM[:] = before


@pytest.fixture
def cli():
    """The command."""
    return bcp


@pytest.fixture
def specs() -> Path:
    """The vendors' published documents; a test that needs them is skipped where they are not."""
    if not SPECS.is_dir():
        pytest.skip("the vendors' documents (shared/specs) are not here")
    return SPECS
