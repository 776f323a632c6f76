"""The entry point. ``bcp status`` in its usual forms does not even load Typer:
it is typed most, and when things are worst."""

from __future__ import annotations

import os
import sys

from bcp.cli.common import Place
from bcp.cli.render import OUT, fail, unexpected
from bcp.kernel.calm import begin
from bcp.kernel.errors import BcpError, Interrupted

_GLOBAL_VALUE = {"--config": True, "-c": True, "--output": True, "-o": True}
_GLOBAL_FLAG = {"--quiet", "-q", "--no-color", "--debug", "--verbose", "-v", "-vv"}


def readable(word: str) -> str:
    """A word of the command line as text that can be written down. A terminal that is not UTF-8 sends bytes that
    Python keeps as halves of characters (PEP 383): they are read as Latin-1, unless they name a file that is there."""
    if word.isascii() or not any("\udc80" <= c <= "\udcff" for c in word):
        return word
    if any(os.path.exists(name) for name in (word, word.partition("=")[2]) if name):
        return word
    return os.fsencode(word).decode("latin-1")


def arrange(arguments: list[str]) -> list[str]:
    """Common options may stand anywhere; they are moved to the front. After ``--`` nothing is touched."""
    front, rest = parted(arguments)
    return front + rest


def parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The common options with their values, and all other words."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in _GLOBAL_FLAG or (word.startswith(("--config=", "--output="))):
            front.append(word)
        elif word in _GLOBAL_VALUE and waiting:
            front += [word, waiting.pop(0)]
        else:
            rest.append(word)
    return front, rest


def quick_status(arguments: list[str]) -> bool:
    """Answer ``bcp status`` here, when nothing but its plain options is given. False: let Typer see it."""
    words = arrange(arguments)
    options = {"config": "", "output": "text"}
    flags: set[str] = set()
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word in {"--config", "-c", "--output", "-o"} and words:
            options[{"--config": "config", "-c": "config"}.get(word, "output")] = words.pop(0)
        elif word in {"--quiet", "-q", "--no-color", "--all", "-a", "--timeline", "-t"}:
            flags.add(word)
        elif word.startswith("-"):
            return False
        else:
            rest.append(word)
    if not rest or rest[0] != "status" or len(rest) > 2 or options["output"] not in {"text", "json"}:
        return False
    from bcp.cli.status_view import show

    Place.config = options["config"]
    OUT.json, OUT.quiet, OUT.colour = (
        options["output"] == "json",
        bool(flags & {"--quiet", "-q"}),
        "--no-color" not in flags,
    )
    show(
        rest[1] if len(rest) == 2 else "last",
        everything=bool(flags & {"--all", "-a"}),
        timeline=bool(flags & {"--timeline", "-t"}),
    )
    return True


def agent(words: list[str]) -> int | None:
    """Answer ``bcp relay agent`` here: a relay may have nothing but Python, no Typer. None: it is another command."""
    front, rest = parted(words)
    outputs = _outputs(front)
    if rest[:2] != ["relay", "agent"] or {*outputs} - {"text", "json"}:
        return None
    from bcp.relay.door import run

    OUT.json, OUT.debug = "json" in outputs, "--debug" in front
    return run(rest[2:], fail)


def _typer(arguments: list[str]) -> int:
    """Every other command; returns the exit code. Raises ``Invalid`` for a line that cannot be understood."""
    from bcp.cli.app import command  # Typer and its models cost 0.1 s
    from bcp.cli.usage import Abort, UsageError, help_asked, invalid

    words = help_asked(arrange(arguments))
    chosen = command(None if words in (["--help"], ["-h"]) else _command_of(words))
    try:
        code = chosen(args=words, prog_name="bcp", standalone_mode=False)
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return int(error.exit_code)
        OUT.json = OUT.json or "json" in _outputs(words)
        raise invalid(error, words) from error
    except Abort as error:  # Ctrl-D at a question
        raise KeyboardInterrupt from error
    return code if isinstance(code, int) else 0


def _command_of(words: list[str]) -> str:
    """The first word that is neither an option nor the value of one; empty: there is none."""
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-"):
            return word
        if word in _GLOBAL_VALUE:
            del waiting[:1]
    return ""


def _outputs(words: list[str]) -> list[str]:
    """What --output was given on a line that Typer did not read to its end."""
    from itertools import pairwise

    apart = [b for a, b in pairwise(words) if a in {"--output", "-o"}]
    return apart + [w.partition("=")[2] for w in words if w.startswith("--output=")]


def lead_somewhere() -> None:
    """Give a standard stream that the caller closed (``>&-``) a way to nowhere. Its number would else go to the next
    file that is opened, which may be a book of ours, and the deed would fail for want of a place to say so."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def main() -> None:
    """Entry point. No traceback reaches a person without --debug."""
    lead_somewhere()
    begin()
    try:
        words = [readable(word) for word in sys.argv[1:]]
        if (code := agent(words)) is not None:
            sys.exit(code)
        if not quick_status(words):
            sys.exit(_typer(words))
    except BcpError as error:
        sys.exit(fail(error))
    except KeyboardInterrupt as error:
        sys.stderr.write(f"stopped: {error}\n" if error.args else "stopped\n")
        sys.exit(130)
    except Interrupted:
        sys.stderr.write("stopped\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except SystemExit:
        raise
    except BaseExceptionGroup as group:
        from bcp.cli.common import first

        found = first(group)
        sys.exit(fail(found) if isinstance(found, BcpError) else unexpected(found))
    except Exception as error:  # the last line of defence
        sys.exit(unexpected(error))
