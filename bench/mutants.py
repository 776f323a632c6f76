"""Mutation testing of what decides: `make mutants`, or `make mutants ROOM=detect`.

mutmut changes one thing in one function at a time: a comparison, a number, an argument, a code. Here the tests of a
room are collected once; then each mutant gets a process of its own, forked from there, in which the tests that reach
the changed function run, the quickest first. A change that no test notices has survived. A module in which less than
90 of 100 die fails.

Not changed: text for people. A literal with a space in it is words, and so is an f-string; their wording is no
behaviour. Codes (no space in them) are changed. What is the same program in other words is listed in ``equals`` of
``mutants.toml`` with the reason, and counts neither way; an entry that fits no survivor fails.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
import pytest
from _pytest.runner import runtestprotocol
from mutmut.configuration import config
from mutmut.mutation import mutators
from mutmut.mutation.data import MutantLineSpans
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / ".bench" / "mutants"
NEED = 90.0
BUDGET_S = 5.0
"""So much of its tests judges a mutant, the quickest first: what a slow one says alone, a small one should say. Wall
time, as they took it once: on a busy machine give it more (``--budget``)."""
MEMORY = 4 << 30
KILLED, SURVIVED, UNREACHED, TIMEOUT = "killed", "survived", "no test", "timeout"
DEAD = frozenset({KILLED, TIMEOUT})


# -- what is changed ---------------------------------------------------------------------------------------------------


def is_words(node: cst.CSTNode) -> bool:
    """Is it text for people?"""
    if isinstance(node, cst.SimpleString):
        return " " in node.value or node.raw_value == ""
    return isinstance(node, cst.FormattedString | cst.ConcatenatedString)


def codes_only(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """Change a code once. (mutmut's other changes of a text, its case, say nothing more.)"""
    return [] if is_words(node) else list(mutators.operator_string(node))[:1]


def arguments(node: cst.Call) -> Iterable[cst.Call]:
    """Take away, or make None, each argument but words."""
    out = []
    for changed in mutators.operator_arg_removal(node):
        kept = {id(a.value) for a in changed.args}
        if not any(is_words(a.value) and id(a.value) not in kept for a in node.args):
            out.append(changed)
    return out


def assignments(node: cst.Assign | cst.AnnAssign) -> Iterable[cst.CSTNode]:
    """Make what is assigned None, but words."""
    return [] if node.value is not None and is_words(node.value) else list(mutators.operator_assignment(node))


OURS = {
    mutators.operator_string: codes_only,
    mutators.operator_arg_removal: arguments,
    mutators.operator_assignment: assignments,
}


def leave_words_alone() -> None:
    """Put our operators in the place of mutmut's."""
    mutators.mutation_operators[:] = [(kind, OURS.get(op, op)) for kind, op in mutators.mutation_operators]


@dataclass
class Room:
    """Modules that decide, the tests that judge them, and what is known of each mutant."""

    name: str
    paths: list[str]
    tests: list[str]
    then: list[str]
    """Slower tests, which judge what survived the first ones."""
    mutants: dict[str, str] = field(default_factory=dict)
    """Path by mutant."""
    marks: dict[str, str] = field(default_factory=dict)
    """Of each mutant a digest of the function as it is: a verdict counts as long as it is the same."""
    found: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """Where its copies are."""
        return WORK / self.name

    def make(self) -> None:
        """Copy the product beside its mutants."""
        self.place.mkdir(parents=True, exist_ok=True)
        os.chdir(self.place)
        shutil.rmtree("mutants", ignore_errors=True)
        shutil.copytree(ROOT / "bcp", "mutants/bcp", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tests", "playbooks", "docs", "pyproject.toml", "Makefile", "README.md"):
            Path("mutants", name).symlink_to(ROOT / name)
        for path in self.paths:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            made = mutate_file_contents(path, (ROOT / path).read_text())
            Path("mutants", path).write_text(made.code)
            MutantLineSpans(path=Path(path), span_by_function_name=made.line_span_by_function_name).save()
            for name in made.mutant_names:
                key = get_mutant_name(Path(path), name)
                self.mutants[key] = path
                self.marks[key] = made.hash_by_function_name[mangled_name_from_mutant_name(name)]
        sys.path.insert(0, str(Path("mutants").absolute()))

    def recall(self) -> None:
        """What the last time found, of functions that are what they were."""
        known = Path("found.json")
        old = json.loads(known.read_text()) if known.exists() else {}
        self.found = {k: old[k][0] for k in self.mutants if k in old and old[k][1] == self.marks[k]}

    def write(self) -> None:
        """Keep it for ``--again`` and for the table."""
        Path("found.json").write_text(json.dumps({k: (v, self.marks[k]) for k, v in self.found.items()}, indent=0))


# -- who judges --------------------------------------------------------------------------------------------------------


@dataclass
class Judge:
    """A plug-in of pytest: it runs the tests that were collected, again and again, each time in another process."""

    room: Room
    wanted: list[str]
    budget_s: float = BUDGET_S
    reached: dict[str, set[int]] = field(default_factory=dict)
    """By mangled function: the tests that reach it."""
    cost: list[float] = field(default_factory=list)
    killers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By mangled function: tests that killed mutants of it, the last one first. They are tried before others."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests once."""
        items = session.items
        self.reached, self.cost, red = self._reach(items)
        if red:  # they look at names in the source, for example, where each function has many now
            print(f"{self.room.name}: red as it is, judge nothing: {', '.join(red)}", file=sys.__stderr__, flush=True)
        began = time.monotonic()
        gc.freeze()  # so that no child copies what it only counts
        for n, mutant in enumerate(self.wanted):
            self.room.found[mutant] = self._judge(mutant, items)
            if n % 25 == 24:
                self.room.write()
                alive = sum(self.room.found.get(m) not in DEAD for m in self.wanted[: n + 1])
                print(
                    f"{self.room.name}: {n + 1} of {len(self.wanted)}, {alive} alive, {time.monotonic() - began:.0f} s",
                    file=sys.__stderr__,
                    flush=True,
                )
        self.room.write()
        return True

    def _reach(self, items: Sequence[pytest.Item]) -> tuple[dict[str, set[int]], list[float], list[str]]:
        """Which test reaches which function, how long it takes, and which is red as it is. In another process."""
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(read)
            set_mutant_under_test("stats")
            reached, cost, red = defaultdict(list), [], []
            for n, item in enumerate(items):
                began = time.monotonic()
                if not _run(item, items[n + 1] if n + 1 < len(items) else None):
                    red.append(item.nodeid)
                    state()._stats.clear()
                cost.append(time.monotonic() - began)
                for function in state()._stats:
                    reached[function].append(n)
                state()._stats.clear()
            with os.fdopen(write, "w") as out:
                json.dump((reached, cost, red), out)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            reached, cost, red = json.load(told)
        os.waitpid(pid, 0)
        return {k: set(v) for k, v in reached.items()}, cost, red

    def _judge(self, mutant: str, items: Sequence[pytest.Item]) -> str:
        function = mangled_name_from_mutant_name(mutant)
        before = self.killers[function]
        rest = sorted(self.reached.get(function, set()) - set(before), key=lambda n: self.cost[n])
        chosen, spent = [], 0.0
        for n in [*before, *rest]:
            spent += self.cost[n]
            if spent > self.budget_s and chosen:
                break
            chosen.append(n)
        return self._in_child(mutant, items, chosen) if chosen else UNREACHED

    def _in_child(self, mutant: str, items: Sequence[pytest.Item], chosen: Iterable[int]) -> str:
        chosen = list(chosen)
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            limit = int(2 + 2 * sum(self.cost[n] for n in chosen))
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.alarm(60 + 20 * limit)  # one that waits for what never comes
            set_mutant_under_test(mutant)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            for i, n in enumerate(chosen):
                if not _run(items[n], items[chosen[i + 1]] if i + 1 < len(chosen) else None):
                    os.write(write, str(n).encode())
                    os._exit(1)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            killer = told.read()
        _, status = os.waitpid(pid, 0)
        if killer:
            before = self.killers[mangled_name_from_mutant_name(mutant)]
            before[:] = [int(killer), *(n for n in before if n != int(killer))][:8]
        if os.WIFSIGNALED(status):
            return TIMEOUT
        return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED


def _run(item: pytest.Item, following: pytest.Item | None) -> bool:
    """One test; False when it fails."""
    reports = runtestprotocol(item, nextitem=following, log=False)
    return not any(r.failed for r in reports)


# -- the account -------------------------------------------------------------------------------------------------------


def changed(diff: str) -> tuple[str, str]:
    """Lines that went and lines that came, without their indentation."""
    lines = [x for x in diff.splitlines() if not x.startswith(("---", "+++"))]
    went, came = (" ".join(x[1:].strip() for x in lines if x.startswith(side)) for side in "-+")
    return went, came


@dataclass
class Row:
    """Of a module: how many are dead, alive and equal."""

    room: str
    path: str
    dead: int = 0
    alive: int = 0
    equal: int = 0

    @property
    def share(self) -> float:
        """Per cent of those that could be killed."""
        return 100.0 * self.dead / max(1, self.dead + self.alive)


def account(room: Room, equals: Sequence[Mapping[str, str]], used: set[int]) -> list[Row]:
    """A row for each module. Tells of every survivor."""
    rows = {p: Row(room.name, p) for p in room.paths}
    for mutant, path in room.mutants.items():
        row = rows[path]
        if mutant not in room.found:
            continue
        if room.found[mutant] in DEAD:
            row.dead += 1
            continue
        went, came = changed(get_diff_for_mutant(mutant, path=path))
        fits = [i for i, e in enumerate(equals) if e["in"] == path and e["now"] == came]
        used.update(fits)
        row.equal, row.alive = row.equal + bool(fits), row.alive + (not fits)
        if not fits:
            print(f"  {path} {mutant.rpartition('.')[2]}: {room.found[mutant]}\n      - {went}\n      + {came}")
    return [r for r in rows.values() if r.dead + r.alive + r.equal]


def show(rows: Sequence[Row]) -> bool:
    """The table. True when every module holds the bar."""
    print(f"\n{'room':11} {'module':32} {'mutants':>8} {'killed':>7} {'survived':>9} {'equal':>6} {'%':>6}")
    total = Row("", "all", *(sum(getattr(r, n) for r in rows) for n in ("dead", "alive", "equal")))
    for r in [*rows, total]:
        every = r.dead + r.alive + r.equal
        print(f"{r.room:11} {r.path:32} {every:8} {r.dead:7} {r.alive:9} {r.equal:6} {r.share:6.1f}")
    return all(r.share >= NEED for r in rows)


def sampled(mutants: Sequence[str], room: Room, number: int) -> list[str]:
    """All of them; or of each module so many, by a chance that is always the same."""
    mixed = sorted(mutants, key=lambda m: hashlib.sha256(m.encode()).digest())
    seen: dict[str, int] = defaultdict(int)
    out = []
    for mutant in mixed:
        seen[room.mutants[mutant]] += 1
        if not number or seen[room.mutants[mutant]] <= number:
            out.append(mutant)
    return out


def play(room: Room, args: argparse.Namespace, equals: Sequence[Mapping[str, str]], used: set[int]) -> list[Row]:
    """Make the mutants of a room, judge them, tell."""
    room.make()
    room.recall()
    if not args.again and not args.tell:
        room.found = {}
    for tests in [] if args.tell else [args.tests.split()] if args.tests else [room.tests, room.then]:
        wanted = sampled([m for m in room.mutants if args.module in room.mutants[m]], room, args.sample)
        wanted = [m for m in wanted if room.found.get(m) not in DEAD]
        if wanted and tests:
            options = ["--rootdir=.", "-qq", "-s", "-o", "addopts=", "-p", "no:cacheprovider"]
            options += ["-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutants"]
            code = pytest.main([*options, *(f"mutants/{t}" for t in tests)], plugins=[Judge(room, wanted, args.budget)])
            if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
                sys.exit(f"{room.name}: pytest ended with {code}")
    return account(room, equals, used)


def main() -> int:
    """Every room, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", nargs="?", default="")
    parser.add_argument("--module", default="", help="only mutants of modules whose path has this in it")
    parser.add_argument("--tests", default="", help="other tests than those of the room")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants of each module; 0: all")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds of tests that judge a mutant")
    parser.add_argument("--again", action="store_true", help="what is dead stays dead while its function is the same")
    parser.add_argument("--tell", action="store_true", help="judge nothing: what the last time found")
    args = parser.parse_args()
    table = tomllib.loads((HERE / "mutants.toml").read_text())
    if args.room and args.room not in table["room"]:
        sys.exit(f"there is no room {args.room!r}: {', '.join(table['room'])}")
    config()  # read where we stand
    leave_words_alone()
    rows, used, equals = [], set[int](), table.get("equals", [])
    for name, entry in table["room"].items():
        if args.room in {"", name}:
            paths = [f"{entry['under']}/{m}.py" for m in entry["mutate"]]
            rows += play(Room(name, paths, entry["tests"], entry.get("then", [])), args, equals, used)
    mine = {r.path for r in rows}
    stale = [e for i, e in enumerate(equals) if e["in"] in mine and i not in used]
    held = show(rows)
    for entry in stale:
        print(f"no survivor is this any more, take it out of mutants.toml: {entry['in']}: {entry['now']}")
    return 0 if held and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
