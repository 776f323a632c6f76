"""Reports against what was written down of them. A part of the exported ``verify.py``.

Whoever writes the files of a report writes a line into the audit file before it, and one after it: ``status`` is
``writing`` or ``written``, ``files`` names each file with its SHA-256. So a writer that was killed between the two is
told from somebody who changed a file. What stands below the line is written into one file with the rest; nothing of it
may need more than Python.
"""

from __future__ import annotations

import json
from typing import Collection, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from bcp.store.standalone import said

# -- reports ---------------------------------------------------------------------------------------------------------

REPORTS = "reports/"
"""What the lines of reports are called in the audit file, and the folder where they lie."""
FILES_OF_ONE = ("report.html", "report.json", "findings.csv", "answers.json")
FILES_OF_A_YEAR = ("year.html", "year.json", "coverage.csv", "findings.csv")


class Seal(NamedTuple):
    """What is known of one file: every version that was written, the newest one last, and those that somebody began to
    write after it."""

    written: List[Tuple[str, float]]
    begun: List[str]


def seals_of(lines: Iterable[str]) -> Dict[str, Seal]:
    """Every file of a report that the audit file knows, by its path below the state folder. Lines that cannot be read
    are told of by the chain of the audit file."""
    found: Dict[str, Seal] = {}
    for line in lines:
        try:
            row = json.loads(line)
            about, at, files = str(row["run"]), float(row["at"]), dict(row.get("files") or {})
            done = row["status"] == "written"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        for name, digest in files.items() if about.startswith(REPORTS) else ():
            seal = found.setdefault(f"{about}/{name}", Seal([], []))
            if done:
                seal.begun.clear()
                seal.written.append((str(digest), at))
            else:
                seal.begun.append(str(digest))
    return found


def reports_damage(
    seals: Mapping[str, Seal], there: Mapping[str, str], known: Collection[str]
) -> Tuple[List[str], List[str]]:
    """What is wrong with the files of reports, and which of them nobody sealed. ``there``: SHA-256 of each by its path
    below the state folder. ``known``: runs, exercises and incidents that there are."""
    wrong, loose = [], []
    for path in sorted({*seals, *there}):
        if path in seals:
            wrong += _against_seal(path, seals[path], there.get(path, ""))
        elif _may_be(path, known):
            loose.append(path)
        else:
            wrong.append(f"{path} was put in: nobody wrote down that bcp made it")
    return wrong, loose


class NotSealed(str):
    """A note of a file that nobody sealed."""

    __slots__ = ()


def not_sealed(path: str) -> NotSealed:
    """Of a file that nobody sealed, for people."""
    text = "an older version wrote it, or it was put in. Writing it anew seals it"
    return NotSealed(f"NOT PROVED: {path} is not sealed: {text}")


def loose_in(notes: Iterable[str]) -> int:
    """How many of these notes are of files that nobody sealed."""
    return sum(isinstance(n, NotSealed) for n in notes)


UNKNOWN = "NOT PROVED: the audit file does not know"
"""How a note begins that is about the newest event of an exercise."""


def answer(given: Iterable[str]) -> str:
    """What is said first where nothing was found altered: everything agrees, or some things could not be judged."""
    notes = list(given)
    if new := sum(n.startswith(UNKNOWN) for n in notes):
        what = "the newest event of an exercise is" if new == 1 else f"the newest events of {new} exercises are"
        return f"Nothing was found altered, but {what} not proved."
    loose = loose_in(notes)
    files = "1 file of a report is" if loose == 1 else f"{loose} files of reports are"
    return f"Nothing was found altered, but {files} not sealed." if loose else "Unaltered: everything agrees."


def _against_seal(path: str, seal: Seal, found: str) -> List[str]:
    if not seal.written and not found:
        return []  # its writer was killed before it wrote anything
    newest, at = seal.written[-1] if seal.written else ("", 0.0)
    if found == newest or found in seal.begun:
        return []
    if not found:
        return [f"{path} is gone; it was written at {said(at)}"]
    older = [t for digest, t in seal.written if digest == found]
    if older:
        return [f"{path} is the one of {said(older[-1])}, put in the place of the one of {said(at)}"]
    return [f"{path} was changed after it was written" + (f" at {said(at)}" if at else "")]


def _may_be(path: str, known: Collection[str]) -> bool:
    """May an older version have written it: does its name say what it is of, and is there such a thing?"""
    _, _, rest = path.partition(REPORTS)
    about, _, name = rest.partition("/")
    return name in (FILES_OF_A_YEAR if about == "year" else FILES_OF_ONE if about in known else ())
