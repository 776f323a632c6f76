"""Writes docs/reference from the code. ``--check``: only says what is stale."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "reference"
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))


def told(thing: Any) -> str:
    """A docstring without its indentation."""
    return inspect.cleandoc(thing.__doc__ or "")


def run(*arguments: str) -> str:
    """What the command prints, 80 columns."""
    import os

    env = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "bcp", *arguments], env=env, capture_output=True, text=True, check=True, cwd="/"
    ).stdout


def helps(names: list[list[str]]) -> list[str]:
    """The help of each of these commands as 80 columns show it, asked for in this process: seventy of them take a second."""
    import os

    os.environ |= {"COLUMNS": "79", "NO_COLOR": "1"}
    from typer.testing import CliRunner

    from bcp.cli.app import alone

    runner = CliRunner()
    return [runner.invoke(alone(n[0]), [*n, "--help"], prog_name="bcp").stdout.rstrip() for n in names]


def cli() -> str:
    """Every command's help."""
    from bcp.cli.app import app

    names: list[list[str]] = [[str(c.name)] for c in app.registered_commands]
    for group in app.registered_groups:
        names += [[str(group.name), str(c.name)] for c in group.typer_instance.registered_commands]  # type: ignore[union-attr]
    parts = [
        "# Commands\n",
        "Made from the code. Common options may stand anywhere.\n",
        "```text\n" + run("--help").rstrip() + "\n```\n",
    ]
    parts += [f"## bcp {' '.join(n)}\n\n```text\n{text}\n```\n" for n, text in zip(names, helps(names), strict=True)]
    return "\n".join(parts)


def kind_of(schema: dict[str, Any]) -> str:
    """A JSON Schema type for people."""
    if "enum" in schema:
        return " \\| ".join(f"`{v}`" for v in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if forms := schema.get("anyOf", schema.get("oneOf")):
        return " or ".join(dict.fromkeys(kind_of(s) for s in forms if s.get("type") != "null"))
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[1]
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def table(model: Any) -> str:
    """Fields of a model."""
    schema = model.model_json_schema(by_alias=True)
    required = set(schema.get("required", []))
    rows = ["| key | type | default | |", "| --- | --- | --- | --- |"]
    for name, prop in schema.get("properties", {}).items():
        default = (
            "**required**"
            if name in required
            else f"`{json.dumps(prop.get('default'))}`"
            if "default" in prop and prop["default"] not in (None, [], {}, "")
            else ""
        )
        rows.append(
            f"| `{name}` | {kind_of(prop)} | {default} | {str(prop.get('description', '')).replace(chr(10), ' ').replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def actions() -> str:
    """Every action."""
    from bcp import registry

    parts = ["# Actions\n", "What a step may use. Made from the code.\n"]
    for kind, action in sorted(registry.actions().items()):
        undo = (
            "undoes by itself"
            if action.undoable
            else (action.final or ("reads only" if action.access == "read" else "give `undo:` or `irreversible:`"))
        )
        facts = f" Makes true: {', '.join(f'`{p}`' for p in action.provides)}." if action.provides else ""
        outputs = ", ".join(f"`{n}` ({t})" for n, t in action.outputs.items())
        parts.append(
            f"## `{kind}`\n\n{told(type(action))}\n\nUndo: {undo}.{facts}\n\n{table(action.Args)}\n\nOutputs: {outputs}\n"
        )
    return "\n".join(parts)


def configuration() -> str:
    """``bcp.yaml``."""
    from bcp import registry
    from bcp.settings import Settings

    parts = [
        "# Configuration\n",
        "`bcp.yaml`, version 1. Made from the code. Durations are written `90s`, `30m`, `2d`; paths are relative to the file.\n",
        table(Settings) + "\n",
    ]
    for name, model in sorted(_inner(Settings).items()):
        parts.append(f"## {name}\n\n{told(model)}\n\n{table(model)}\n")
    for family, title in (
        ("dns", "DNS back ends"),
        ("relays", "Relays"),
        ("channels", "Channels"),
        ("probes", "Probes"),
        ("triggers", "Hooks"),
        ("callers", "Callers"),
        ("directories", "Directories"),
    ):
        parts.append(f"# {title}\n")
        for kind in registry.kinds(family):
            model = registry.settings_class(family, kind)
            parts.append(f"## {family}: `{kind}`\n\n{told(model)}\n\n{table(model)}\n")
            parts += [f"### {n}\n\n{told(m)}\n\n{table(m)}\n" for n, m in sorted(_inner(model).items())]
    return "\n".join(parts)


def _inner(model: Any) -> dict[str, Any]:
    """Models used by a model."""
    import typing

    out: dict[str, Any] = {}

    def visit(annotation: Any) -> None:
        if hasattr(annotation, "model_fields"):
            if annotation.__name__ not in out:
                out[annotation.__name__] = annotation
                for f in annotation.model_fields.values():
                    visit(f.annotation)
            return
        for argument in typing.get_args(annotation):
            visit(argument)

    for f in model.model_fields.values():
        visit(f.annotation)
    return out


def playbook() -> str:
    """The playbook's keys."""
    from bcp.playbook.model import Playbook

    parts = ["# Playbook\n", "Version 1. Made from the code.\n", table(Playbook) + "\n"]
    parts += [f"## {name}\n\n{told(model)}\n\n{table(model)}\n" for name, model in sorted(_inner(Playbook).items())]
    return "\n".join(parts)


def outage() -> str:
    """The outage file, its defaults, the kinds of probes and the shipped outages."""
    from bcp import registry
    from bcp.detect.memory import UNDECIDED
    from bcp.detect.rules import GIVE_UP, in_words
    from bcp.detect.scenario import OutageFile
    from bcp.replay import load, shipped
    from bcp.settings import DetectSettings
    from bcp.wiring import rules_from

    parts = [
        "# Outage files\n",
        "Version 1. Made from the code. How to write one: [Write an outage](../howto/write-an-outage.md).\n",
        table(OutageFile) + "\n",
    ]
    parts += [f"## {name}\n\n{told(model)}\n\n{table(model)}\n" for name, model in sorted(_inner(OutageFile).items())]
    parts += [
        "## Kinds of probes\n",
        "| kind | plane | role | medium | before anything is said of it |\n| --- | --- | --- | --- | --- |",
    ]
    for kind in registry.kinds("probes"):
        cls = registry.probe_class(kind)
        parts.append(
            f"| `{kind}` | {cls.plane} | {cls.role.value} | {cls.medium or 'none'} | {'ok' if cls.role.value == 'look' else 'unknown'} |"
        )
    parts += ["\n## Defaults\n", "`detect:` of the file, where it differs from these.\n", table(DetectSettings) + "\n"]
    parts += ["In words:\n", *(f"- {w}" for w in in_words(rules_from(DetectSettings(), 3600.0), 3))]
    parts += [
        "\nWhen senders give up, counted from the first failure:\n",
        *(f"- {s / 3600:g} h: {w}" for s, w in GIVE_UP),
    ]
    parts.append(
        f"\nBare looks count as flapping only where {UNDECIDED[0]:.0%} to {UNDECIDED[1]:.0%} of the last 21 rounds are bad."
    )
    parts += ["\n## Shipped outages\n", "| name | |\n| --- | --- |"]
    parts += [f"| `{n}` | {load(p)[0].title} |" for n, p in shipped().items()]
    return "\n".join(parts)


def kinds() -> str:
    """What each probe reports for what it sees."""
    from bcp.contracts.kinds import KINDS, Meaning

    docs = {
        m: " ".join(t.split())
        for m, t in (
            (Meaning.LOST, "fails; mail is lost: counts at once (class F needs two recipients or corroboration)"),
            (Meaning.DEFERRED, "fails; senders keep the mail"),
            (Meaning.UNREACHABLE, "fails; senders keep the mail"),
            (Meaning.NAMES, "the name fails for senders (class E)"),
            (Meaning.BROKEN, "fails"),
            (Meaning.SLOW, "works; never moves MX by itself"),
            (Meaning.LIMIT, "a limit of ours: no failure of the service unless networks of different providers agree"),
            (Meaning.ZONE, "our own fault (class H), and an outage: moving MX cannot help"),
            (Meaning.OWN, "our own fault (class H); the look counts as unknown"),
            (Meaning.NOTHING, "counts as unknown"),
            (Meaning.WELL, "counts as good evidence"),
            (Meaning.TOLD, "corroborates; never decides"),
        )
    }
    rows = [
        f"| `{k.name or '(empty)'}` | {k.result} | {', '.join(k.by) or 'any'} | {k.says} | {docs[k.meaning]} |"
        for k in KINDS
    ]
    return (
        "# What each probe reports for what it sees\n\n"
        "Made from the code (`bcp/contracts/kinds.py`). `result` is the usual one; an outage file may say another.\n\n"
        "A reply of an SMTP server to a recipient that exists becomes a kind by its stage and code: 4xx is `4xx-STAGE`; "
        "5xx at RCPT with an enhanced code 5.1.x or 5.4.1 is `rejects`; 503 and 5.5.x, and any 5xx to EHLO, `own-greeting`; "
        "5.2.x `own-recipient`; 5.7.x `own-sender`; 5.7.500 to 5.7.708 and 4.7.500 to 4.7.708 `throttled`; "
        "5.7.64 and 5.7.51 `own-connector`; 5xx without an enhanced code `5xx` (`throttled` at the greeting and at MAIL).\n\n"
        "| kind | result | reported by | what was seen | what it counts as |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def judgement() -> str:
    """The rules of evidence and the conditions of a deed, from the tables that the code runs."""
    from bcp.detect.conditions import BACK, CONDITIONS
    from bcp.detect.evidence import BACKS, EVIDENCE

    def conditions(table: Any) -> str:
        rows = [f"| `{c.id}` | {c.says} | `{c.otherwise}`: {c.why} | {c.change or '-'} |" for c in table]
        head = "| condition | what must be so | otherwise | what would change it |\n| --- | --- | --- | --- |\n"
        return head + "\n".join(rows) + "\n"

    rules = "\n".join(f"| `{e.id}` | {e.of} | {e.effect} | {e.says} |" for e in EVIDENCE)
    backs = "\n".join(f"| {p} | {', '.join(sorted(b)) or 'nothing'} |" for p, b in BACKS.items())
    return (
        "# Rules of judgement\n\nMade from the code (`bcp/detect/evidence.py`, `bcp/detect/conditions.py`).\n\n"
        "## Evidence\n\n| rule | of | effect | in words |\n| --- | --- | --- | --- |\n"
        + rules
        + "\n\n## What a plane that is down backs\n\n| plane | backs a doubtful |\n| --- | --- |\n"
        + backs
        + "\n\n## Conditions of a switch of MX\n\nAll must hold, for each domain, at the moment of the deed; the first that does not "
        "says what is proposed instead.\n\n"
        + conditions(CONDITIONS)
        + "\n## Conditions of a failback\n\n"
        + conditions(BACK)
    )


def messages() -> str:
    """Every message of the pack, as it reads."""
    from bcp.comms.lint import LONG
    from bcp.comms.pack import FORMS, load_pack
    from bcp.comms.render import render
    from bcp.wiring import SHIPPED

    pack = load_pack([SHIPPED / "messages"])
    audiences = ("employees", "executives", "customers", "partners", "helpdesk", "oncall", "regulator")
    phases = ("investigating", "identified", "monitoring", "restored", "after")

    def text(name: str, form: str, language: str, letter: str) -> str:
        found = render(pack.get(name), form, language, language, {**LONG, "outage_class": letter}, drill=False)
        return (f"{found.subject}\n\n" if found.subject else "") + found.body

    parts = [
        "# Messages\n",
        "The shipped pack, made from the files and filled with example values. A cell is an audience and a phase; what it says of",
        "the outage depends on its class. `bcp comms preview NAME --class X` shows any of them, `--html` as a page.\n",
        "| | " + " | ".join(phases) + " |\n| --- |" + " --- |" * len(phases),
    ]
    for audience in audiences:
        cells = [f"[{audience}-{p}](#{audience}-{p})" if f"{audience}-{p}" in pack else "-" for p in phases]
        parts.append(f"| {audience} | " + " | ".join(cells) + " |")
    for audience in audiences:
        for phase in phases:
            name = f"{audience}-{phase}"
            if name not in pack:
                continue
            file = pack.get(name).file
            claims = dict(file.claims_by_class)
            parts.append(f"\n## {name}\n\n{file.title}." + (" A draft: never sent by bcp." if file.draft else ""))
            if claims:
                parts.append(
                    "\nStates, and may only be sent after: "
                    + "; ".join(f"class {c}: {', '.join(v)}" for c, v in claims.items())
                    + "."
                )
            if file.sms:
                parts.append("\n| class | text message, en | de |\n| --- | --- | --- |")
                parts += [f"| {c} | {text(name, 'sms', 'en', c)} | {text(name, 'sms', 'de', c)} |" for c in "ABCDEFG"]
            for form in FORMS[1:]:
                for language in getattr(file, form):
                    parts.append(f"\n{form}, {language}, class B:\n\n```text\n{text(name, form, language, 'B')}\n```")
    return "\n".join(parts)


def hooks() -> str:
    """Every kind of sender: how it is set up, how it proves itself."""
    from bcp import registry
    from bcp.contracts.hook import HookPlugin
    from bcp.kernel.text import summary

    parts = [
        "# Hooks\n",
        "What `POST /hooks/NAME` takes, by kind of sender. Made from the code. Answers: 202 taken (also repeats, with the incident's"
        " id), 401 no proof, 404 no such hook, 408 too slow, 413 too large, 415 no JSON, or compressed, 422 another shape, 429 too many wrong"
        " proofs, 503 not durable: send again.\n",
        "| kind | identity | proof |\n| --- | --- | --- |",
    ]
    rows, blocks = [], []
    for kind in registry.kinds("triggers"):
        hook, model = registry.find(HookPlugin, kind).make, registry.settings_class("triggers", kind)
        proof = f"HMAC in `{hook.signature}`" if hook.signature else "see below"
        rows.append(f"| [`{kind}`](#{kind}) | {summary(hook)} | {proof} |")
        blocks.append(f"\n## {kind}\n\n{told(model)}\n\n```text\n{hook.example}\n```")
    return "\n".join([*parts, *rows, *blocks])


def callers() -> str:
    """Every kind of vendor that calls us: how it is set up, how it proves itself."""
    from bcp import registry
    from bcp.contracts.caller import CallerPlugin
    from bcp.kernel.text import summary
    from bcp.settings.families import place_of

    parts = [
        "# Callers\n",
        "Vendors that tell us what people answered and what became of messages: `serve: callers:`, by kind. Made from the code."
        " Each call proves itself first. Answers: 404 no such caller or path, 401 no proof, 408 too slow, 413 too large, 415 or 422"
        " another shape, 503 not durable: call again; else what the vendor expects.\n",
        "| kind | called at | proof |\n| --- | --- | --- |",
    ]
    rows, blocks = [], []
    for kind in registry.kinds("callers"):
        caller, model = registry.find(CallerPlugin, kind).make, registry.settings_class("callers", kind)
        place = place_of("callers", kind)
        rows.append(f"| [`{kind}`](#{kind}) | `{place}/...` | {summary(caller)} |")
        example = caller.example.replace("{url}", f"https://bcp.example.org{place}")
        blocks.append(f"\n## {kind}\n\n{told(model)}\n\n```text\n{example}\n```")
    return "\n".join([*parts, *rows, *blocks])


def openapi() -> dict[str, Any]:
    """The document of the API, without a daemon."""
    from fastapi import FastAPI

    from bcp import __version__
    from bcp.server.doors import api, api_deeds, api_drills

    app = FastAPI(
        title="bcp", version=__version__, description="Keep mail and people going when Exchange Online fails."
    )
    app.include_router(api.router)
    app.include_router(api_deeds.router)
    app.include_router(api_drills.router)
    return app.openapi()


def api() -> str:
    """The API's calls."""
    document = openapi()
    parts = [
        "# API\n",
        "Version 1, under `/api/v1`. Made from the code; the whole document is [openapi.json](openapi.json) (OpenAPI 3.1) and is served"
        " at `/api/v1/openapi.json`. Tokens: `bcp token add NAME --scope read`, sent as `Authorization: Bearer ...`. Scopes: `read`,"
        " `run` (plan, start, stop), `approve` (answer; needs `--contact`), `report`. Errors are `detail`, `hint`, `rule`.\n",
        "| call | |\n| --- | --- |",
    ]
    for path, calls in document["paths"].items():
        parts += [
            f"| `{method.upper()} {path}` | {call['summary']}. {' '.join(call.get('description', '').split(chr(10) * 2)[0].split())} |"
            for method, call in calls.items()
        ]
    return "\n".join(parts)


def report_schema() -> str:
    """JSON Schema of a report."""
    from bcp.reports.schema import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def year_schema() -> str:
    """JSON Schema of a year."""
    from bcp.reports.year import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def drill_record() -> str:
    """JSON Schema of the record of an exercise."""
    from bcp.contracts.exercise_plain import json_schema

    return json.dumps(json_schema(), indent=1, sort_keys=True)


def pages() -> dict[str, str]:
    """Every generated file."""
    return {
        "cli.md": cli(),
        "actions.md": actions(),
        "configuration.md": configuration(),
        "playbook.md": playbook(),
        "outage.md": outage(),
        "kinds.md": kinds(),
        "judgement.md": judgement(),
        "messages.md": messages(),
        "hooks.md": hooks(),
        "callers.md": callers(),
        "api.md": api(),
        "openapi.json": json.dumps(openapi(), indent=1, sort_keys=True),
        "playbook.v1.schema.json": run("playbook", "schema"),
        "outage.v1.schema.json": run("replay", "--schema"),
        "config.v1.schema.json": run("config", "schema"),
        "drill-record.v1.schema.json": drill_record(),
        "report.v2.schema.json": report_schema(),
        "year.v1.schema.json": year_schema(),
    }


def main() -> int:
    """Write, or check."""
    stale = []
    for name, text in pages().items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text.rstrip() + "\n":
            stale.append(name)
            if "--check" not in sys.argv:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(("stale: " if "--check" in sys.argv else "written: ") + (", ".join(stale) or "nothing"))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
