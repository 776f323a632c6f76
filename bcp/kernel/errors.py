"""The one tree of errors. What a caller needs to know is: may I try again, and who must act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class BcpError(Exception):
    """Base of all errors that reach a person. ``hint`` says what the operator does next."""

    exit_code = 1

    rule = ""
    """Code of the rule or fault, for programs. Nothing decides by the words of a message."""

    redo = False
    """The hint asks for nothing but doing the same again: whoever does that by itself leaves it out."""

    def __init__(
        self, message: str, *, hint: str = "", outputs: Mapping[str, Any] | None = None, rule: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.outputs = outputs
        """What was done before it failed, so that it can be undone."""
        self.rule = rule or type(self).rule

    @property
    def whole(self) -> str:
        """What is wrong and what to do, in a line: for logs and for places that have no second one."""
        return f"{self.message}. {self.hint}" if self.hint else self.message


class Transient(BcpError):
    """It failed and nothing happened: it may be tried again, perhaps after ``retry_after_s`` seconds."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        outputs: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
        rule: str = "",
    ) -> None:
        super().__init__(message, hint=hint, outputs=outputs, rule=rule)
        self.retry_after_s = retry_after_s


class Permanent(BcpError):
    """It failed and trying the same again will fail too."""


class PartlyDone(Permanent):
    """Some of it was done and stands; the rest failed for reasons of its own. ``outputs`` says which is which.

    What was done is not undone because of the rest: the step counts as done, and its summary says what is missing.
    """


class Refused(BcpError):
    """A safety rule or a person said no. ``rule`` is the rule's name."""

    exit_code = 3


class GateClosed(Refused):
    """An approval was rejected, ran out of time or could not be asked for: the run does not go on."""

    exit_code = 5


class NoAnswer(GateClosed):
    """Nobody answered in time."""


class InDoubt(BcpError):
    """An effect was begun and its outcome is not known. It is never simply done again."""

    exit_code = 4


class StorageError(BcpError):
    """The journal could not be written or read. The run pauses; no step fails and nothing is undone."""


def storage_in(error: BaseException) -> bool:
    """Is it a ``StorageError``, or a group with one in it? Then the run pauses, whatever else went wrong beside it."""
    if isinstance(error, BaseExceptionGroup):
        return any(storage_in(e) for e in error.exceptions)
    return isinstance(error, StorageError)


def fault_in(what: str, error: BaseException) -> Permanent:
    """An exception that is none of this tree, as a failure of ``what``. Of a group the first is named."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return Permanent(f"fault in {what}: {type(error).__name__}: {error}", hint="Please report this.")


class Interrupted(BaseException):
    """A signal asked us to stop. Not an ``Exception``, so that no plug-in can swallow it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"signal {signum}")
        self.signum = signum


class Problem(NamedTuple):
    """One thing that is wrong with an input, and where: lines and columns count from 1."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""
    rule: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else (f"{self.file}: " if self.file else "")
        rule = f" [{self.rule}]" if self.rule else ""
        hint = f"\n    {self.hint}" if self.hint else ""
        mark = "" if self.severity == "error" else f"{self.severity}: "
        return f"{place}{mark}{self.message}{rule}{hint}"


class Invalid(BcpError):
    """Our input is wrong. ``problems`` lists everything found, each with its position."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", problems: list[Problem] | None = None, rule: str = "") -> None:
        super().__init__(message, hint=hint, rule=rule)
        self.problems: list[Problem] = list(problems or ())

    @classmethod
    def of(cls, problems: list[Problem]) -> Invalid:
        """Make one error out of several problems."""
        count = len(problems)
        return cls(f"{count} problem{'s' if count != 1 else ''} found", problems=problems)


def in_a_line(error: BcpError) -> tuple[str, str]:
    """What is wrong and what to do, in one line each, where there is no room for a list: the first thing by its place,
    and how many more there are."""
    problems = error.problems if isinstance(error, Invalid) else []
    if not problems:
        return error.message, error.hint
    one = problems[0]
    place = one.file.rpartition("/")[2] + (f":{one.line}" if one.line else "")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {one.message}{more}" if place else f"{one.message}{more}", error.hint or one.hint


class Missing(Invalid):
    """What was asked for is not there. ``rule`` says what kind of thing: ``no-such-run`` and so on."""

    rule = "not-found"
