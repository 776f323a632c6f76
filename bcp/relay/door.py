"""``bcp relay agent``: the door of the agent. Light on purpose: it needs Python's own library and nothing else."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import BcpError, Invalid, StorageError
from bcp.kit.triplets import packed
from bcp.relay.agent import Agent, Desk, Options, Source
from bcp.relay.batch import Request, checked_key
from bcp.relay.listing import unlisted
from bcp.relay.place import Place
from bcp.store.sqlite.relay_agent import AgentStore

if TYPE_CHECKING:
    from bcp.relay.push import Pusher

EVERY_S, LISTING_S, FORGET_S = 1.0, 60.0, 3600.0
"""How often the log is looked at; the queue is listed at most; what is old is let go of."""
LONGEST_WAIT_S = 30.0
HELP = """Follow Postfix's log on the relay, and keep a ledger: one row for each message and recipient."""
IN_FILE = (
    "name",
    "log",
    "state",
    "key",
    "zone",
    "syslog_name",
    "copies",
    "queue",
    "back",
    "keep",
    "serve",
    "push",
    "journal",
)
DEFAULTS = {"state": "/var/lib/bcp-agent", "back": "7", "keep": "60", "queue": "postqueue -j"}


class _Parser(argparse.ArgumentParser):
    """A line that cannot be understood is an error like every other: in text, or as JSON."""

    def error(self, message: str) -> NoReturn:
        raise Invalid(message, hint="How it is used: bcp relay agent --help", rule="usage")


def parser() -> argparse.ArgumentParser:
    """All options. Those with a value may also stand in a file: ``name = value`` a line."""
    p = _Parser(prog="bcp relay agent", description=HELP, allow_abbrev=False)
    p.add_argument(
        "--settings", metavar="FILE", help="options from a file: name = value, one a line; # begins a remark"
    )
    p.add_argument("--name", help="the relay's name in the main node's bcp.yaml")
    p.add_argument("--log", metavar="FILE", help="Postfix's log; rotated files beside it are found")
    p.add_argument("--journal", action="store_true", help="read journald instead of a file")
    p.add_argument("--state", metavar="FOLDER", help=f"where the ledger is kept ({DEFAULTS['state']})")
    p.add_argument("--key", metavar="FILE", help="the key that the main node has, too")
    p.add_argument("--zone", help="time zone (IANA) of times that carry none; else the machine's own")
    p.add_argument(
        "--syslog-name", action="append", help="a syslog_name that does not begin with postfix; may be given again"
    )
    p.add_argument(
        "--copies", action="append", metavar="ADDRESS", help="where always_bcc sends copies; may be given again"
    )
    p.add_argument("--queue", metavar="COMMAND", help="lists the queue (postqueue -j); 'none': never")
    p.add_argument("--back", metavar="DAYS", help="how old rotated files are read at the first start (7)")
    p.add_argument("--keep", metavar="DAYS", help="how long messages that are over are kept (60)")
    p.add_argument("--serve", metavar="HOST:PORT", help="answer the main node by HTTP, on loopback")
    p.add_argument("--push", metavar="URL", help="bring the main node what is new: where bcp serve answers, by HTTP(S)")
    p.add_argument("--once", action="store_true", help="read what there is, then end")
    p.add_argument("--show", action="store_true", help="print the ledger as lines of JSON, then end")
    p.add_argument("--batch", type=int, metavar="SINCE", help="write the batch after this one to standard output")
    p.add_argument("--stream", default="", help="with --batch: the chain that SINCE is of")
    p.add_argument("--nonce", default="", help="with --batch: comes back in the answer")
    p.add_argument("--seal", default="", help="with --batch: the main node's seal of its request")
    p.add_argument("--new-key", metavar="FILE", help="make a key, then end")
    return p


def main(arguments: Sequence[str]) -> int:
    """Run; returns the exit code."""
    given = parser().parse_args(arguments)
    if given.new_key:
        return _new_key(Path(given.new_key))
    _fill(given)
    options = _options(given)
    if given.batch is not None:
        return _batch(given, options)
    if given.show:
        return _show(options)
    if not given.log and not given.journal:
        raise Invalid("say where the log is", hint="--log /var/log/mail.log, or --journal", rule="no-log")
    return _follow(given, options)


def _fill(given: argparse.Namespace) -> None:
    """What was not given on the line comes from the file, else it has its usual value. Raises ``Invalid``."""
    found: dict[str, list[str]] = {}
    if given.settings:
        try:
            text = Path(given.settings).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise Invalid(f"{given.settings} cannot be read: {why}", rule="no-settings") from error
        for number, line in enumerate(text.splitlines(), 1):
            name, sign, value = line.partition("#")[0].partition("=")
            if name.strip() and (not sign or name.strip().replace("-", "_") not in IN_FILE):
                raise Invalid(
                    f"{given.settings}:{number}:1: {line.strip()!r} is no option", hint="name = value", rule="no-option"
                )
            if name.strip():
                found.setdefault(name.strip().replace("-", "_"), []).append(value.strip())
    for name in IN_FILE:
        many = name in {"syslog_name", "copies"}
        if getattr(given, name) is None or (name == "journal" and found.get(name) == ["yes"]):
            values = found.get(name, [] if many else [DEFAULTS.get(name, "")])
            setattr(given, name, name == "journal" or (values if many else values[-1]))


def _options(given: argparse.Namespace) -> Options:
    if not given.name:
        raise Invalid("say which relay this is", hint="--name: its name in the main node's bcp.yaml", rule="no-relay")
    try:
        back, keep = float(given.back) * 86_400.0, float(given.keep) * 86_400.0
    except ValueError as error:
        raise Invalid("--back and --keep are days", hint="--back 7", rule="no-number") from error
    return Options(
        given.name,
        Path(given.state),
        Path(given.log) if given.log else None,
        _zone(given.zone or ""),
        tuple(given.syslog_name),
        tuple(given.copies),
        back,
        keep,
    )


def _zone(name: str) -> tzinfo:
    """The zone of this name, else the machine's own. Raises ``Invalid``."""
    if name:
        from zoneinfo import ZoneInfo

        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise Invalid(f"{name!r} is no time zone", hint="For example Europe/Berlin.", rule="no-zone") from error
    return own_zone()


def own_zone() -> tzinfo:
    """The machine's own, UTC where it has none."""
    from zoneinfo import ZoneInfo

    with contextlib.suppress(OSError, ValueError), open("/etc/localtime", "rb") as file:
        return ZoneInfo.from_file(file)
    return UTC


def _new_key(path: Path) -> int:
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        there = "It is kept: use that one, or name another file." if isinstance(error, FileExistsError) else ""
        raise Invalid(f"{path} cannot be made: {error.strerror}", hint=there, rule="no-agent-key") from error
    try:
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_hex(32) + "\n")
    except OSError as error:
        path.unlink(missing_ok=True)  # half of a key is none, and would be in the way of the next
        raise StorageError(f"cannot write {path}: {error.strerror}", hint="Free space, then repeat.") from error
    sys.stderr.write(f"{path}: copy it to the other side, where only bcp can read it\n")
    return 0


def read_key(path: Path) -> bytes:
    """The shared key: the file's first line. Raises ``Invalid`` (``no-agent-key``)."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        hint = "Make one with: bcp relay agent --new-key FILE, and copy it to the other side."
        raise Invalid(f"the key {path} cannot be read: {error.strerror}", hint=hint, rule="no-agent-key") from error
    return checked_key(raw, str(path))


def _store(options: Options) -> AgentStore:
    return AgentStore(options.state / "agent.db")


def _key(given: argparse.Namespace) -> bytes:
    if not given.key:
        raise Invalid("say where the key is", hint="--key FILE; make one with --new-key FILE", rule="no-agent-key")
    return read_key(Path(given.key))


def _batch(given: argparse.Namespace, options: Options) -> int:
    key = _key(given)
    request = Request(options.relay, given.stream, given.batch, given.nonce)
    desk = Desk(options, _store(options), key)
    desk.check(request, given.seal or request.sealed(key))
    sys.stdout.write(packed(desk.answer(request, SystemClock().now())))
    sys.stdout.flush()
    return 0


def _show(options: Options) -> int:
    bodies, _ = _store(options).changes(0, 1 << 60)
    for body in bodies:
        sys.stdout.write(body + "\n")
    return 0


def _follow(given: argparse.Namespace, options: Options) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock, store = SystemClock(), _store(options)
    agent = Agent(
        options, store, options.zone or UTC, _journal(options, follow=not given.once) if given.journal else None
    )
    if options.log and not given.journal:
        _say_second_hand(agent, options.log)
    if given.serve:
        from bcp.relay.serve import serve

        serve(given.serve, Desk(options, _store(options), _key(given)), clock)
    pusher = _pusher(given, options, clock) if given.push else None
    if given.push:
        _say_plain(agent, given.push, clock.now())
    loop = _Loop(agent, clock, (given.queue or "").split(), stop)
    if given.once:
        return max(loop.once(), _come(pusher) if pusher else 0)
    if pusher:
        threading.Thread(target=_keep_coming, args=(pusher, stop), name="push", daemon=True).start()
    return loop.run()


def _say_second_hand(agent: Agent, log: Path) -> None:
    """Here, and to the main node with each answer."""
    from bcp.relay.second_hand import second_hand

    agent.doubt = second_hand(log)
    if agent.doubt:
        sys.stderr.write(f"warning: {agent.doubt}\n")


def _pusher(given: argparse.Namespace, options: Options, clock: SystemClock) -> Pusher:
    from bcp.relay.push import BATCH_MAILS, Pusher, by_http, checked_url

    key = _key(given)
    desk = Desk(options, _store(options), key, BATCH_MAILS)
    return Pusher(checked_url(given.push), options.relay, key, desk, clock, by_http)


def _say_plain(agent: Agent, url: str, now: float) -> None:
    """Here, and once to the main node, which shows it beside the account."""
    from bcp.relay.push import plain_words

    if words := plain_words(url):
        sys.stderr.write(f"warning: {words}\n")
        agent.say_once("push-in-the-clear", words, now)


def _come(pusher: Pusher) -> int:
    pusher.come()
    if pusher.problem:
        sys.stderr.write(pusher.problem + "\n")
    return 1 if pusher.problem else 0


def _keep_coming(pusher: Pusher, stop: threading.Event) -> None:
    """Until it is told to stop. The same trouble is said once."""
    told = ""
    while not stop.wait(pusher.wait_s):
        pusher.come()
        if pusher.problem != told:
            sys.stderr.write((pusher.problem or "the main node takes it again") + "\n")
            sys.stderr.flush()
        told = pusher.problem


def _journal(options: Options, *, follow: bool) -> Callable[[Place, Callable[[str, str], None]], Source]:
    from bcp.relay.journal import Journal

    return lambda place, say: Journal(place, say, options.back_s, follow=follow)


class _Loop:
    """Reads on until it is told to stop. A ledger that cannot be written stops the reading, and nothing else."""

    def __init__(self, agent: Agent, clock: SystemClock, listing: Sequence[str], stop: threading.Event) -> None:
        self.agent, self.clock, self.stop = agent, clock, stop
        self.listing = [] if list(listing) == ["none"] else list(listing)
        self._listed = self._forgot = self._full = 0.0
        self._wait = EVERY_S
        self._told = self._unlisted = ""
        self._shown: tuple[str, float] | None = None
        """A listing that is not judged yet, and when it was asked for."""

    def once(self) -> int:
        """All that there is now."""
        now = self.clock.now()
        self.agent.step(now)
        self._list(now)
        self.agent.step(self.clock.now())
        self._judge()
        self.agent.heartbeat(now)
        sys.stderr.write(json.dumps({"lines": dict(self.agent.listener.counted), "problem": self.agent.problem}) + "\n")
        return 1 if self.agent.problem else 0

    def run(self) -> int:
        """Until a signal."""
        while not self.stop.is_set():
            try:
                self._turn()
            except StorageError as error:
                self._full = self._full or self.clock.now()
                self._wait = min(LONGEST_WAIT_S, self._wait * 2)
                self.agent.cannot_keep(error.message)
                self._tell(error.whole)
            self.stop.wait(self._wait)
        self.agent.close()
        return 0

    def _turn(self) -> None:
        now = self.clock.now()
        self.agent.step(now)
        if self._full:
            self.agent.say(
                "ledger-full", f"the ledger could not be written for {now - self._full:.0f} s; all was read after it"
            )
            self._full, self._wait = 0.0, EVERY_S
            self.agent.heartbeat(now)
        self._judge()
        self._tell(self.agent.problem or self._unlisted)
        if now - self._listed >= LISTING_S:
            self._listed = now
            self._list(now)
        if now - self._forgot >= FORGET_S:
            self._forgot = now
            self.agent.forget(now)

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            sys.stderr.write((problem or "all is well again") + "\n")
            sys.stderr.flush()
        self._told = problem

    def _list(self, now: float) -> None:
        """Names from the queue's own listing, where the log has given none yet."""
        if not self.listing or not self.agent.want_listing(now):
            return
        try:
            done = subprocess.run(self.listing, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            self._unlisted = unlisted(self.listing, error)
            self.agent.say_once("queue-unreadable", self._unlisted, now)
            self._tell(self._unlisted)
            return
        self._unlisted = ""
        self._shown = done.stdout.decode("utf-8", "replace"), now

    def _judge(self) -> None:
        """A listing passes over what moves from queue to queue meanwhile, and misses what was just delivered: the log
        says which, and is read before a mail counts as gone."""
        if self._shown is not None:
            (text, at), self._shown = self._shown, None
            self.agent.list_queue(text, at)


def in_words(error: BcpError) -> int:
    """Say it; returns the exit code."""
    sys.stderr.write(f"error: {error.message}\n" + (f"  {error.hint}\n" if error.hint else ""))
    return error.exit_code


def run(arguments: Sequence[str], fail: Callable[[BcpError], int] = in_words) -> int:
    """``main`` with errors told by ``fail``: for the quick way past the rest of the command line."""
    try:
        return main(arguments)
    except BcpError as error:
        return fail(error)
