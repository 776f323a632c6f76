"""Whatever is fed in: one of our errors, soon, and never a traceback."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bcp.cli.main import arrange
from bcp.kernel.document import parse
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.units import format_duration, parse_duration
from bcp.playbook.check import type_of, type_of_text
from bcp.playbook.expr import ExpressionError, condition, resolve
from bcp.playbook.lint import lint
from bcp.playbook.load import loads
from bcp.playbook.types import NUMBER, STRING, list_of, object_of
from bcp.wiring import SHIPPED, bare_catalogue

CASES = int(os.environ.get("BCP_FUZZ", "400"))
"""Of each kind; ``make soak`` plays 4,200, that is 20,000 and more in all."""
many = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
CATALOGUE = bare_catalogue()
TEXT = (SHIPPED / "exchange-inbound-outage.yaml").read_text()
SCOPE = {"domains": list_of(STRING), "n": NUMBER, "run": object_of({"id": STRING})}
VALUES = {"domains": ["a.test", "b.test"], "n": 3, "run": {"id": "x"}}
WORDS = [
    "domains",
    "n",
    "run",
    "run.id",
    "'a'",
    "1",
    "-1",
    "2.5",
    "true",
    "none",
    "==",
    "!=",
    "<",
    "in",
    "not",
    "and",
    "or",
    "if",
    "else",
    "|",
    "join",
    "length",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ":",
    "+",
    "-",
    "*",
    "**",
    "/",
    "%",
    "~",
    "__class__",
    "first",
    "default",
    "is",
    "defined",
    "{{",
    "}}",
    "{%",
    "%}",
    "\\",
    '"',
    "'",
    "\n",
    "10**9",
    "range",
    "loop",
    "self",
    "mro",
]


@many
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=12).map(" ".join))
def test_expressions(text) -> None:
    """Checked or refused; evaluated or refused."""
    for function, arguments in (
        (type_of, (text, SCOPE)),
        (type_of_text, (text, SCOPE)),
        (condition, (text, VALUES)),
        (resolve, (text, VALUES)),
    ):
        try:
            function(*arguments)
        except ExpressionError:
            pass


@many
@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                "a: ",
                "- ",
                "\n",
                "  ",
                "{",
                "}",
                "[",
                "]",
                "&x ",
                "*x",
                "!!int ",
                "|",
                ">",
                "'",
                '"',
                "? ",
                ": ",
                "#",
                "%YAML",
                "---",
                "...",
                "\t",
                "1",
                "~",
                "<<: ",
            ]
        ),
        max_size=40,
    ).map("".join)
)
def test_documents(text) -> None:
    """The loader."""
    try:
        parse(text)
    except Invalid as error:
        assert error.problems and all(p.line >= 1 for p in error.problems)


@many
@given(st.data())
def test_mutated_playbooks(data) -> None:
    """A playbook with lines removed, doubled and garbled is loaded and linted, or refused."""
    lines = TEXT.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["cut", "double", "swap", "garble", "indent"]))
        if what == "cut":
            lines[i] = lines[i][: data.draw(st.integers(0, max(1, len(lines[i]))))]
        elif what == "double":
            lines.insert(i, lines[i])
        elif what == "swap":
            j = data.draw(st.integers(0, len(lines) - 1))
            lines[i], lines[j] = lines[j], lines[i]
        elif what == "indent":
            lines[i] = " " * data.draw(st.integers(0, 6)) + lines[i].strip()
        else:
            at = data.draw(st.integers(0, len(lines[i])))
            lines[i] = lines[i][:at] + data.draw(st.sampled_from(WORDS) | st.text(max_size=3)) + lines[i][at:]
    try:
        lint(loads("\n".join(lines)), CATALOGUE)
    except Invalid as error:
        assert error.problems


@many
@given(st.text(max_size=12))
def test_durations(text) -> None:
    """Parsed, or refused with a sentence."""
    try:
        format_duration(parse_duration(text))
    except ValueError as error:
        assert "duration" in str(error) or "year" in str(error)


@many
@given(
    st.lists(
        st.sampled_from(
            [
                "run",
                "status",
                "plan",
                "approve",
                "--output",
                "json",
                "text",
                "-q",
                "--config",
                "x",
                "--",
                "--help",
                "--input",
                "a=b",
                "-v",
                "last",
                "playbook",
                "lint",
                "drill",
                "audit",
                "verify",
                "--as",
                "settle",
            ]
        )
        | st.text(max_size=6),
        max_size=7,
    )
)
def test_arguments_are_arranged_without_loss(words) -> None:
    """Common options are moved, nothing disappears."""
    assert sorted(arrange(words)) == sorted(words)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(
            [
                "status",
                "plan",
                "approve",
                "reject",
                "settle",
                "report",
                "--output",
                "json",
                "-q",
                "--",
                "--input",
                "a=b",
                "last",
                "playbook",
                "lint",
                "list",
                "show",
                "audit",
                "verify",
                "--as",
                "config",
                "check",
                "contacts",
                "--reason",
                "x",
                "--domain",
                "--override",
                "failback",
                "acknowledge",
            ]
        )
        | st.text(max_size=6),
        max_size=6,
    )
)
def test_the_command_never_shows_a_traceback(words) -> None:
    """In a folder without configuration: any arguments, an exit code, no exception."""
    import contextlib
    import io
    import tempfile

    from bcp.cli.app import command

    if "init" in words or "drill" in words or "lab" in words or "watch" in words:
        return
    out, err = io.StringIO(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            command("")(args=arrange(words), prog_name="bcp")
        except BcpError:
            pass
        except SystemExit as end:
            assert end.code in (0, 1, 2, 3, 4, 5, None), end.code
    assert "Traceback (most" not in err.getvalue()
