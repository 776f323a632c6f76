"""``bcp evidence``: heads signed and left with others, everything handed over, what was handed over checked."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.errors import BcpError, Refused, Transient
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.evidence.anchor import Taken
    from bcp.wiring import App

T = TypeVar("T")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    text = "Evidence that stands: anchor it outside, hand it over, check it."
    group = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
    group.command(name="anchor", help="Sign the heads of all chains now, and let others witness them.")(anchor)
    group.command(name="export", help="Write everything into a new folder that proves itself.")(export)
    group.command(name="verify", help="Check such a folder, as its own verify.py does.")(verify)
    group.command(name="key", help="The public key by which others check.")(key)
    group.command(name="rotate", help="Another key signs from now on; the old one signs for it.")(rotate)
    group.command(name="explain", help="Say why a clock was moved: it stands in a signed head, and is told.")(explain)
    app.add_typer(group, name="evidence")


def anchor() -> None:
    """Now, whether or not anything changed."""
    from bcp.deeds.evidence import anchor as deed

    app = make_app()
    _told(_closing(app, deed.anchor(app)))


def _closing(app: App, work: Coroutine[Any, Any, T]) -> T:
    async def whole() -> T:
        try:
            return await work
        finally:
            await app.close()

    return wait_for(whole())


def _told(taken: Taken, more: str = "") -> None:
    """A head, and who took it. Raises ``Transient`` where somebody did not."""
    rows = [
        [render.status_word("fail" if o.rule else "ok"), o.name, o.says + (f" - {o.hint}" if o.hint else "")]
        for o in taken.outcomes
    ]
    text = f"Head {taken.seq} is signed: {taken.head[:16]}"
    if not taken.outcomes:
        text += "\n" + render.wrap(ALONE)
    data = {"seq": taken.seq, "head": taken.head, "key": taken.key, "outcomes": [_outcome(o) for o in taken.outcomes]}
    render.emit("bcp.evidence-anchor/1", data, f"{text}\n{more}{render.table(rows)}".rstrip())
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
    from bcp.deeds.evidence.export import checked
    from bcp.deeds.evidence.export import export as deed
    from bcp.deeds.evidence.key import current_key, must_be
    from bcp.store.files.anchors import AnchorLog
    from bcp.store.standalone_reports import answer

    app = make_app()
    state = app.configuration.state
    wanted = AnchorLog(state).read().next_key
    signer = current_key(state, app.settings.evidence.key, wanted)
    must_be(signer.public, wanted)
    done = deed(state, folder, app.settings.organisation.name, signer, _secrets(app))
    text = (
        f"{done.files} files in {done.folder}, signed with the key\n{done.key}\n"
        f"Check it: bcp evidence verify {done.folder}\n or there: python3 verify.py"
    )
    wrong, notes = checked(folder)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        text = f"ALTERED before it was handed over: {wrong[0]}{more}. It is in there as it is.\n{text}"
    elif answer(notes) != answer(()):
        text = f"{answer(notes)} What was handed over says which.\n{text}"
    data = {"folder": done.folder, "files": done.files, "as_of": done.as_of, "key": done.key, "altered": wrong}
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
    from bcp.store.standalone_reports import answer

    wrong, notes = checked(folder, key, witness)
    word = render.status_word("fail" if wrong else "ok")
    said = answer(notes)
    first = f"{word}  " + (
        plural(len(wrong), "thing was altered", "things were altered") if wrong else f"{said[0].lower()}{said[1:-1]}"
    )
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


Reason = Annotated[str, typer.Argument(metavar="REASON", help="Why, in a sentence. It is signed, and told for ever.")]
As = Annotated[str, typer.Option("--as", help="Who says so, when this is not their login; asks for their code.")]


def rotate(
    reason: Reason,
    to: Annotated[
        str, typer.Option("--to", metavar="SECRET", help="The new key by reference, where bcp.yaml names the old one.")
    ] = "",
    lost: Annotated[bool, typer.Option("--lost", help="The old key is gone; every check will say so.")] = False,
    as_: As = "",
) -> None:
    """Take another key."""
    from bcp.cli.person import who_is
    from bcp.deeds.evidence.turn import rotate as deed
    from bcp.kernel.secret import Secret

    app = make_app()
    who = who_is(app, as_)
    given = Secret(to, base=app.configuration.folder) if to else None
    taken = _closing(app, deed(app, who, reason, to=given, lost=lost))
    _told(taken, render.wrap(NAME_IT if given is not None else TELL_IT) + "\n")


TELL_IT = "Another key signs now. Tell it to your auditor by another way than the evidence: bcp evidence key"
NAME_IT = "The old key has signed for the new one. Name the new one now, evidence: key: in bcp.yaml, and tell it."


def explain(reason: Reason, as_: As = "") -> None:
    """Explain every time that cannot be and that nobody explained yet."""
    from bcp.cli.person import who_is
    from bcp.deeds.evidence.turn import explain as deed

    app = make_app()
    who = who_is(app, as_)
    taken, texts = _closing(app, deed(app, who, reason))
    _told(taken, "".join(render.wrap(t, "  ", "- ") + "\n" for t in texts))
