"""The docs say what is true: commands run, generated pages are current, nothing names this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support import ROOT, bcp

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
]


def commands(path: Path) -> list[str]:
    """Commands in the shell blocks of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", path.read_text(), re.DOTALL)
    return [
        line.strip() for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")
    ]


@cache
def help_of(*command: str) -> str:
    """What ``bcp COMMAND --help`` says; empty: there is no such command. Many pages name the same ones."""
    done = bcp(*command, "--help")
    return done.stdout if done.returncode == 0 else ""


def test_generated_pages_are_current() -> None:
    """`make docs` was not forgotten."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_readme_names_the_two_commands() -> None:
    """What a stranger types first."""
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text and "make test" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_command_in_the_docs_is_one(page) -> None:
    """Each parses: its command and options exist. Those that need no outside world are run below."""
    for line in commands(page):
        words = re.sub(r"^(\w+=(\$\([^)]*\)|\S+) )*", "", line).split()
        if words[0] in {"make", "export"}:
            if words[0] == "make":
                assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
            continue
        assert words[0] in {"bcp", ".venv/bin/bcp"}, line
        if words[1] == "--config":
            words = [words[0], *words[3:]]
        path = [w for w in words[1:] if not w.startswith("-")]
        known = [w for w in words[1:3] if re.fullmatch(r"[a-z]+", w)]
        said = help_of(*known[:2]) or help_of(known[0])
        assert said, line
        for option in [w for w in words if w.startswith("--")]:
            assert option in said or option in {"--config", "--output", "--quiet"}, f"{option} in {line}"
        assert path


def test_the_readmes_commands_run(tmp_path) -> None:
    """In a folder of their own, as a newcomer types them."""
    for line in commands(ROOT / "README.md"):
        if line.startswith("make"):
            continue
        words = line.split()
        done = bcp(*words[1:], cwd=tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_the_howtos_offline_commands_run(tmp_path) -> None:
    """Those that need neither a DNS server nor a relay."""
    for line in (
        "bcp init --domain example.com --dns-server 127.0.0.1:1 --relay relay.example.net --canary canary@example.com",
        "bcp playbook new my-outage --folder playbooks",
        "bcp playbook lint playbooks/my-outage.yaml",
        "bcp playbook schema",
        "bcp playbook lint",
        "bcp config check",
        "bcp contacts list",
        "bcp audit verify",
    ):
        done = bcp(*line.split()[1:], cwd=tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_shipped_playbooks_lint_plan_and_match_the_schema() -> None:
    """Each is valid by our lint and by the schema that editors use."""
    import json

    import jsonschema

    from bcp.kernel.document import read

    schema = json.loads((ROOT / "docs" / "reference" / "playbook.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    for path in sorted((ROOT / "playbooks").glob("*.yaml")):
        judge.validate(read(path).data)
    config = json.loads((ROOT / "docs" / "reference" / "config.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(config)


def test_messages_that_promise_one_segment_keep_it() -> None:
    """Rendered with long values, in every language."""
    from bcp.comms.lint import LONG
    from bcp.comms.pack import load_pack
    from bcp.comms.render import render

    values = {
        "ask": LONG["ask"],
        "ready": LONG["ready"],
        "org": {
            "name": "Contoso Group",
            "hotline": "+49 30 12345678",
            "status_page": "https://status.contoso.example",
            "signature": "IT service desk",
        },
        "next_update": "10:30 CEST",
        "now": "10:00 CEST",
        "since": "09:45 CEST",
        "domains": ["contoso.example"],
        "run": {"id": "run-20260122-174500-x7kq"},
        "inputs": {},
        "service": "exchange-online",
        "outage_class": "B",
        "wrong": "Mail is down.",
        "right": "Calendars are down.",
    }
    pack = load_pack([ROOT / "playbooks" / "messages"])
    for name in pack.names():
        file = pack.get(name).file
        for form in ("sms", "chat", "email", "page"):
            for language in getattr(file, form):
                message = render(pack.get(name), form, language, "en", values, drill=False)
                if form == "sms" and file.one_segment:
                    assert message.segments == 1, (name, language, message.encoding, len(message.body), message.body)


def test_nothing_names_this_machine_or_an_index() -> None:
    """Lock file, docs and code travel."""
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("*.lock"),
        ROOT / "Makefile",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("bcp/**/*.py"),
    ]:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT.parent) + "/" not in text, path
        assert not re.search(r"(?m)^--?(extra-)?index-url|pypi\.|pythonhosted|npmjs", text), path
