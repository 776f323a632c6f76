"""The only module that prints. Results go to standard output, progress and errors to standard error."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bcp.kernel.clock import local_text, moment_text
from bcp.kernel.errors import BcpError, Interrupted, Invalid, Problem, Refused
from bcp.kernel.secret import redact, redact_data
from bcp.kernel.text import for_terminal
from bcp.pages.palette import tone

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS}
"""A file that this user may not read or write."""
_COLOURS = {"ok": "32", "bad": "31", "warn": "33", "soft": "2", "bold": "1", "blue": "36"}
_STYLE = {"ok": "ok", "bad": "bad", "warn": "warn", "busy": "blue", "soft": "soft"}
"""The terminal's style for each tone of the palette."""


@dataclass
class Output:
    """How this invocation talks."""

    json: bool = False
    quiet: bool = False
    colour: bool = True
    debug: bool = False
    verbosity: int = 0
    zone: str = "UTC"
    """The organisation's time zone (IANA): what people read. JSON is in UTC."""


OUT = Output()


def paint(text: str, style: str, stream: Any = None) -> str:
    """Colour, where a person looks at a terminal and did not ask for none."""
    stream = stream or sys.stdout
    if not OUT.colour or OUT.json or os.environ.get("NO_COLOR") or not stream.isatty() or style not in _COLOURS:  # noqa: TID251 - no-color.org
        return text
    return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def status_word(word: str, stream: Any = None) -> str:
    """A state in its colour. The word is always there: colour alone says nothing."""
    return paint(word, _STYLE.get(tone(word), ""), stream)


def outcome(status: str, reason: str, *, between: str = ": ", stream: Any = None) -> str:
    """How a run ended, and why; a reason that says the state itself (``aborted by ann``) is enough."""
    word = status_word(status, stream)
    if reason.startswith(f"{status} "):
        return word + reason.removeprefix(status)
    return word + (between + reason if reason else "")


def width() -> int:
    """Columns to write for."""
    return max(40, min(100, shutil.get_terminal_size((80, 24)).columns))


def wrap(text: str, indent: str = "", first: str | None = None) -> str:
    """Text folded to the terminal. A line that is indented itself goes on two columns further in. A command is not
    folded: it can be copied as it stands."""
    folded = "\n".join(
        textwrap.fill(
            _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), line),
            width(),
            initial_indent=(first if first is not None and i == 0 else indent),
            subsequent_indent=indent + (" " * (len(line) - len(line.lstrip()) + 2) if line[:1] == " " else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
        or indent
        for i, line in enumerate(text.splitlines() or [""])
    )
    return folded.replace(_GLUE, " ")


_GLUE = "\ue000"
"""A character of Unicode's private use area: no blank, and in no text."""
_GROUPS = "audit|comms|config|contacts|dns|drill|evidence|incident|playbook|relay|token|user"
_COMMAND = re.compile(rf"`bcp [^`\n]{{1,50}}`|\bbcp (?:(?:{_GROUPS}) )?[a-z][a-z-]*")
"""A command in backticks, or its name."""


def emit(schema: str, data: Mapping[str, Any], text: str) -> None:
    """The result: JSON with its schema's name, or text for people."""
    if OUT.json:
        _write(
            sys.stdout,
            redact(json.dumps({"schema": schema, **redact_data(dict(data))}, ensure_ascii=False, default=str)),
        )
    elif text:
        _write(sys.stdout, fold(redact(text), sys.stdout))


def raw(text: str) -> None:
    """Text that is the result as it is: schemas, playbooks, the last line of a drill."""
    _write(sys.stdout, redact(text))


def say(text: str) -> None:
    """Progress, unless asked to be quiet."""
    if not OUT.quiet:
        _write(sys.stderr, redact(fold(text, sys.stderr)))


def fold(text: str, stream: Any) -> str:
    """Lines too long for the terminal, folded between words under their own beginning. Elsewhere (a file, a pipe) a
    line stays one, for whoever searches in it."""
    if OUT.json or not stream.isatty():
        return text
    return "\n".join(_folded(line) for line in text.split("\n"))


def _folded(line: str) -> str:
    if len(_bare(line)) <= width():
        return line
    import re

    stamp = re.match(r"(\x1b\[[0-9;]*m)*([+] *[0-9.]+s|[0-9:]{8} [A-Z+0-9:-]+)?(\x1b\[[0-9;]*m)* *", line)
    indent = min(20, (len(_bare(stamp[0])) if stamp else 0) + 2)
    out, room = [""], width()
    for word in re.findall(r" *[^ ]+", line):
        if len(_bare(out[-1])) + len(_bare(word)) > room and out[-1].strip():
            out.append(" " * indent + word.lstrip(" "))
        else:
            out[-1] += word
    return "\n".join(out)


def warn(text: str) -> None:
    """A warning, always."""
    _write(sys.stderr, fold(paint("warning: ", "warn", sys.stderr) + redact(text), sys.stderr))


def _write(stream: Any, text: str) -> None:
    text = text if OUT.json else for_terminal(text)
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        os._exit(141)
    except UnicodeEncodeError:
        stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")


def problem_data(p: Problem) -> dict[str, Any]:
    """A problem of a file as ``--output json`` shows it. Line and column count from 1; 0 where there is none."""
    return {
        "file": p.file,
        "line": p.line,
        "column": p.column,
        "message": p.message,
        "hint": p.hint,
        "rule": p.rule,
        "severity": p.severity,
    }


def fail(error: BcpError, *, debug: bool | None = None) -> int:
    """Say what went wrong and what to do; returns the exit code. ``debug``: with the traceback; else as asked for."""
    if OUT.debug if debug is None else debug:
        _write(sys.stderr, redact("".join(traceback.format_exception(error))))
    problems = error.problems if isinstance(error, Invalid) else []
    rule = error.rule if isinstance(error, Refused) else ""
    if OUT.json:
        found = [problem_data(p) for p in problems]
        emit(
            "bcp.error/1",
            {
                "error": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "rule": error.rule,
                "problems": found,
                "exit_code": error.exit_code,
            },
            "",
        )
        return error.exit_code
    for problem in problems:
        _write(sys.stderr, fold(redact(str(problem)), sys.stderr))
    if not problems:
        word = "refused" if isinstance(error, Refused) else "error"
        mark = f" [{rule}]" if rule else ""
        _write(sys.stderr, wrap(redact(f"{error.message}{mark}"), "  ", paint(f"{word}: ", "bad", sys.stderr)))
    elif len(problems) > 1:
        _write(sys.stderr, f"{len(problems)} problems")
    if error.hint:
        _write(sys.stderr, wrap(redact(error.hint), "  ", "  "))
    return error.exit_code


def unexpected(error: BaseException) -> int:
    """A fault of ours, or a file that we may not use or have no room for. Told as every other error is, in text or as
    JSON; the traceback only with --debug."""
    found = _of_this_machine(error)
    if found is None:
        found = BcpError(
            f"{type(error).__name__}: {error}",
            hint="Repeat with --debug and report it. What was journaled is safe: bcp status",
            rule="fault",
        )
    with contextlib.suppress(OSError):  # where not even this can be written
        if OUT.debug:
            _write(sys.stderr, redact("".join(traceback.format_exception(error))))
        if OUT.json or found.rule != "fault":
            return _fail_somewhere(found)
        if not OUT.debug:
            _write(sys.stderr, redact(f"fault in bcp: {found.message}\n  {found.hint}"))
    return 1


def _fail_somewhere(error: BcpError) -> int:
    """Where JSON was asked for and standard output is what has no room, it is told in text beside it."""
    try:
        return fail(error, debug=False)
    except OSError:
        OUT.json = False
        return fail(error, debug=False)


def _of_this_machine(error: BaseException) -> BcpError | None:
    """What is wrong with a file, a disk or an installation here, and no fault of ours."""
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != "bcp":
        text = f"this command needs the Python package {error.name.partition('.')[0]!r}, which is not installed here"
        hint = "pip install bcp-mail brings all. With bcp-light.pyz `relay agent` needs none; README.md names the rest."
        return BcpError(text, hint=hint, rule="not-installed")
    if not isinstance(error, OSError):
        return None
    if error.errno in _NO_ROOM:
        hint = "Free space where this output goes, then: bcp status"
        return BcpError(f"it could not be written: {error.strerror}", hint=hint, rule="no-room")
    if error.errno in _NOT_OURS and error.filename:
        hint = "Check its owner and permissions, or run bcp as the user to whom the state folder belongs."
        if error.errno == errno.EROFS:
            hint = "Its disk is mounted for reading only: mend that and its permissions, or work in another folder."
        return BcpError(f"cannot use {error.filename}: {error.strerror}", hint=hint, rule="no-permission")
    return None


def clock(at: float, *, seconds: bool = True) -> str:
    """``17:45:03 CET``: a time as people here read it."""
    return local_text(at, OUT.zone, seconds=seconds)


def moment(at: float, now: float) -> str:
    """``17:45 CET``, and ``26 Jan 17:45 CET`` when that was another day: as people here read it."""
    return moment_text(at, now, OUT.zone)


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = (), room: int = 0) -> str:
    """Columns aligned with spaces; the last one is folded. ``room``: columns of the whole; 0: those of the terminal."""
    everything = [[" ".join(c.split("\n")) for c in r] for r in ([head, *rows] if head else rows)]
    if not everything:
        return ""
    columns = len(everything[0])
    widths = [min(34, max(len(_bare(r[i])) for r in everything)) for i in range(columns - 1)]
    indent, wide = " " * (sum(widths) + 2 * len(widths)), room or width()
    if columns > 1 and len(indent) > wide - 20:
        return _stacked(everything, widths, wide)
    lines = []
    for row in everything:
        left = "".join(cell + " " * max(2, w + 2 - len(_bare(cell))) for cell, w in zip(row[:-1], widths, strict=True))
        last = max(20, wide - len(indent))
        over = "." * (len(_bare(left)) - len(indent))  # a cell that is wider than its column takes from the last one
        parts = (
            textwrap.wrap(row[-1], last, initial_indent=over, break_long_words=False, break_on_hyphens=False)
            if len(over) + len(_bare(row[-1])) > last
            else [over + row[-1]]
        )
        lines.append((left + (parts[0][len(over) :] if parts else "")).rstrip())
        lines.extend(indent + p for p in parts[1:])
    return "\n".join(lines)


def _stacked(rows: Sequence[Sequence[str]], widths: Sequence[int], wide: int) -> str:
    """A table too wide for its place: the last column stands below the others."""
    lines = []
    for row in rows:
        left = "  ".join(cell + " " * (w - len(_bare(cell))) for cell, w in zip(row[:-1], widths, strict=True))
        lines += textwrap.wrap(left, wide, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        lines += textwrap.wrap(
            row[-1], wide, initial_indent="    ", subsequent_indent="    ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)


def _bare(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def ask(question: str) -> bool:
    """A yes or no at the terminal. No terminal, no answer: no."""
    if not sys.stdin.isatty():
        return False
    _write(sys.stderr, question + " [y/N] ")
    try:
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    except KeyboardInterrupt:
        return False


def ask_text(question: str, default: str = "") -> str:
    """A line at the terminal; the default without one."""
    if not sys.stdin.isatty():
        return default
    _write(sys.stderr, f"{question}{f' [{default}]' if default else ''}:")
    return sys.stdin.readline().strip() or default


def ask_secret(question: str) -> str:
    """A line that is not echoed; empty without a terminal."""
    if not sys.stdin.isatty():
        return ""
    import getpass

    try:
        with _echo_back():
            return getpass.getpass(question + ": ", sys.stderr)
    except KeyboardInterrupt:
        _write(sys.stderr, "")  # what comes next begins on a line of its own
        raise KeyboardInterrupt("nothing was typed and nothing was done") from None


@contextlib.contextmanager
def _echo_back() -> Iterator[None]:
    """By TERM and HUP the process ends as ever, but the terminal is not left without its echo."""
    import signal

    from bcp.kernel.signals import enders

    def end(number: int, _: object) -> None:
        raise Interrupted(number)

    before = {n: signal.signal(n, end) for n in {*enders()} - {signal.SIGINT}}
    told = 0
    try:
        yield
    except Interrupted as error:
        told = error.signum
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if told:
        signal.raise_signal(told)
