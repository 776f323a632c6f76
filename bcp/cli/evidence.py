"""``bcp evidence``: heads signed and left with others, everything handed over, what was handed over checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.errors import BcpError, Refused, Transient

if TYPE_CHECKING:
    from bcp.deeds.evidence.anchor import Taken
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the commands."""
    text = "Evidence that stands: anchor it outside, hand it over, check it."
    group = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    group.command(name="anchor", help="Sign the heads of all chains now, and let others witness them.")(anchor)
    group.command(name="export", help="Write everything into a new folder that proves itself.")(export)
    group.command(name="verify", help="Check such a folder, as its own verify.py does.")(verify)
    group.command(name="key", help="The public key by which others check.")(key)
    app.add_typer(group, name="evidence")


def anchor() -> None:
    """Now, whether or not anything changed."""
    from bcp.deeds.evidence import anchor as deed

    app = make_app()

    async def work() -> Taken:
        try:
            return await deed.anchor(app)
        finally:
            await app.close()

    taken = wait_for(work())
    rows = [
        [render.status_word("fail" if o.rule else "ok"), o.name, o.says + (f" - {o.hint}" if o.hint else "")]
        for o in taken.outcomes
    ]
    text = f"Head {taken.seq} is signed: {taken.head[:16]}"
    if not taken.outcomes:
        text += "\n" + render.wrap(ALONE)
    data = {"seq": taken.seq, "head": taken.head, "key": taken.key, "outcomes": [_outcome(o) for o in taken.outcomes]}
    render.emit("bcp.evidence-anchor/1", data, f"{text}\n{render.table(rows)}".rstrip())
    bad = [o for o in taken.outcomes if o.rule]
    if bad:
        raise Transient(
            f"{len(bad)} of {len(taken.outcomes)} did not take it: {bad[0].name}: {bad[0].says}",
            rule=bad[0].rule, hint=f"The daemon tries again; so does `bcp evidence anchor`. {bad[0].hint}".strip(),
        )  # fmt: skip


ALONE = "Nobody outside has it: name a time-stamping authority or a witness under evidence: in bcp.yaml."


def _outcome(o: Any) -> dict[str, str]:
    return {n: str(getattr(o, n)) for n in ("kind", "name", "says", "rule", "hint")}


def export(folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")]) -> None:
    """Write everything."""
    from bcp.deeds.evidence.export import export as deed
    from bcp.deeds.evidence.key import signing_key

    app = make_app()
    state = app.configuration.state
    signer = signing_key(state, app.settings.evidence.key)
    done = deed(state, folder, app.settings.organisation.name, signer, _secrets(app))
    text = (
        f"{done.files} files in {done.folder}, signed with the key {done.key}\n"
        f"Check it: bcp evidence verify {done.folder}, or there: python3 verify.py"
    )
    data = {"folder": done.folder, "files": done.files, "as_of": done.as_of, "key": done.key}
    render.emit("bcp.evidence-export/1", data, text)


def _secrets(app: App) -> list[str]:
    """Every secret that can be read here: none of them may be in what is handed over."""
    from bcp.deeds.readiness.papers import named_secrets

    out = []
    for _, secret in named_secrets(app):
        try:
            out.append(secret.reveal())
        except BcpError:
            continue
    return out


def verify(
    folder: Annotated[Path, typer.Argument(help="What `bcp evidence export` wrote.")],
    key: Annotated[str, typer.Option("--key", metavar="HEX", help="The public key that you know.")] = "",
    witness: Annotated[Path | None, typer.Option("--witness", metavar="FOLDER", help="What a witness kept.")] = None,
) -> None:
    """Check a folder; needs no configuration."""
    from bcp.deeds.evidence.export import checked

    wrong, notes = checked(folder, key, witness)
    word = render.status_word("fail" if wrong else "ok")
    first = f"{word}  {len(wrong)} thing(s) were altered" if wrong else f"{word}  unaltered: everything agrees"
    lines = [first, *(render.wrap(w, "  ", "- ") for w in [*wrong, *notes])]
    data = {"folder": str(folder), "altered": wrong, "notes": notes}
    render.emit("bcp.evidence-verify/1", data, "\n".join(lines))
    if wrong:
        raise Refused("the evidence was altered", rule="evidence-altered", hint="Ask for the original; compare keys.")


def key() -> None:
    """Print it; it is made where there is none yet."""
    from bcp.deeds.evidence.key import signing_key

    app = make_app()
    found = signing_key(app.configuration.state, app.settings.evidence.key).public
    render.emit("bcp.evidence-key/1", {"key": found}, found)
