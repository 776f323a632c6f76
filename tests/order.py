"""Which worker begins with what, so that no worker is left alone with a long story at the end. Pure.

pytest-xdist's ``worksteal`` gives each worker one stretch of the collection, all of one length; a worker that is done
takes from the end of another's. So each stretch begins with what takes long, and ends with what is short and can be
taken. Seconds are of a quiet machine with two cores; they need to be right to a factor of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TOGETHER = {
    "real/test_detection.py": 170.0,
    "real/test_looking.py": 95.0,
    "real/test_live.py": 60.0,
    "server/test_browser.py": 60.0,
    "acceptance/test_detect_cli.py": 60.0,
    "acceptance/test_cli.py": 50.0,
    "acceptance/test_comms_cli.py": 40.0,
    "acceptance/test_storage.py": 25.0,
}
"""Files whose tests share something that is long in the making, and what a whole one takes."""
ALONE = {
    "test_schemathesis_finds_nothing": 45.0,
    "real/test_alerting.py": 70.0,
    "real/test_story.py": 60.0,
    "scenarios/": 45.0,
    "acceptance/test_outage_at_each_host.py": 40.0,
    "players/": 80.0,
    "liars/": 25.0,
    "acceptance/test_first_hour.py": 30.0,
    "crash/": 15.0,
    "real/": 3.0,
    "server/": 10.0,
    "project/": 5.0,
    "test_worlds": 15.0,
}
"""Others, by a part of their path below ``tests/`` or their name, and what one of their tests takes."""


def weight_of(path: str, name: str = "") -> tuple[bool, float]:
    """Does the file stay in one piece, and the seconds of the whole (of one test, where it does not)?"""
    below = path.replace("\\", "/").removeprefix("tests/")
    if below in TOGETHER:
        return True, TOGETHER[below]
    return next(((False, s) for part, s in ALONE.items() if part in f"{below}::{name}"), (True, 0.0))


def shares(places: Sequence[tuple[str, str]], workers: int) -> list[list[int]]:
    """Indices of the tests at ``places`` (file, name), a list for each worker: long first, all lists of one length."""
    units = _units(places)
    out: list[list[int]] = [[] for _ in range(workers)]
    load = [0.0] * workers
    for weight, members in sorted(units, key=lambda u: (-u[0], u[1])):
        # what is long goes to who has least to do; what is short, to who has the shortest list
        least = min(range(workers), key=lambda i: (load[i], len(out[i])) if weight else (len(out[i]), i))
        out[least] += members
        load[least] += weight
    return _even(out)


def _units(places: Sequence[tuple[str, str]]) -> list[tuple[float, list[int]]]:
    """(seconds, tests) of what is given out as one."""
    files: dict[str, list[int]] = {}
    for i, (path, _) in enumerate(places):
        files.setdefault(path, []).append(i)
    units: list[tuple[float, list[int]]] = []
    for path, members in files.items():
        together, seconds = weight_of(path)
        units += [(seconds, members)] if together else [(weight_of(*places[i])[1], [i]) for i in members]
    return units


def _even(lists: Iterable[list[int]]) -> list[list[int]]:
    """The same lists with their ends moved, so that they are as long as the stretches that are given out."""
    out = [list(x) for x in lists]
    total, count = sum(map(len, out)), len(out)
    wanted, left = [], total
    for i in range(count):  # as the scheduler divides: what is left by the workers that are left
        wanted.append(left // (count - i))
        left -= wanted[-1]
    spare = [i for x, w in zip(out, wanted, strict=True) for i in x[w:]]
    for x, w in zip(out, wanted, strict=True):
        del x[w:]
        missing = w - len(x)
        x += spare[:missing]
        del spare[:missing]
    return out
