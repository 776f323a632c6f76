"""``bcp contacts``: check, list and snapshot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.contracts.contact import Contact
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="People: check, list, snapshot.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="check", help="Check a contacts file, or the configured one.")(check)
    group.command(name="list", help="People and audiences. Addresses are masked unless --full.")(list_)
    group.command(name="snapshot", help="Copy users from Microsoft Graph (or a file) into a dated snapshot.")(snapshot)
    app.add_typer(group, name="contacts")


def check(file: Annotated[Path | None, typer.Argument(help="CSV or YAML; else the one in bcp.yaml.")] = None) -> None:
    """Check."""
    from bcp.contacts.load import load_contacts  # noqa: PLC0415

    people = load_contacts(file) if file else make_app().directory.contacts
    phones = sum(1 for c in people if c.phone)
    render.emit(
        "bcp.contacts/1",
        {"people": len(people), "phones": phones},
        f"{len(people)} people, {phones} with a phone, nothing wrong.",
    )


def list_(full: Annotated[bool, typer.Option("--full", help="Show addresses.")] = False) -> None:
    """List."""
    from bcp.comms.courier import mask  # noqa: PLC0415

    directory = make_app().directory
    show = (lambda text: text) if full else (lambda text: mask(text) if text else "")
    rows = [[c.id, c.name, show(c.phone), show(c.email), ",".join(c.groups)] for c in directory.contacts]
    audiences = {n: [c.id for c in directory.members(n)] for n in directory.audiences}
    data = {
        "people": [
            {
                "id": c.id,
                "name": c.name,
                "phone": show(c.phone),
                "email": show(c.email),
                "groups": list(c.groups),
                "language": c.language,
            }
            for c in directory.contacts
        ],
        "audiences": audiences,
    }
    text = (
        render.table(rows, ["ID", "NAME", "PHONE", "MAIL", "GROUPS"])
        + "\n\n"
        + render.table([[n, f"{len(v)} people"] for n, v in audiences.items()], ["AUDIENCE", ""])
    )
    render.emit("bcp.contacts/1", data, text)


def snapshot(
    file: Annotated[Path | None, typer.Option("--from-file", help="From this CSV or YAML instead of Graph.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where; else contacts: snapshot: in bcp.yaml.")] = None,
) -> None:
    """Snapshot."""
    from bcp.contacts.load import load_contacts  # noqa: PLC0415
    from bcp.contacts.snapshot import write_snapshot  # noqa: PLC0415

    app = make_app()
    path = out or app.settings.contacts.snapshot
    if path is None:
        raise Invalid("where to? contacts: snapshot: is not set", hint="Add --out FILE.")
    bad: list[str] = []
    if file:
        people, source = load_contacts(file), f"file {file.name}"
    else:
        people, bad = _from_graph(app)
        source = "Microsoft Graph"
    checksum = write_snapshot(path, people, taken_at=app.clock.now(), source=source)
    text = f"{len(people)} people from {source} written to {path} ({checksum[:12]})." + "".join(
        f"\nwarning: {b}" for b in bad[:20]
    )
    render.emit(
        "bcp.snapshot/1",
        {"people": len(people), "file": str(path), "digest": checksum, "source": source, "warnings": bad},
        text,
    )


def _from_graph(app: App) -> tuple[tuple[Contact, ...], list[str]]:
    """Users of Graph. A number that is not valid is left out and named: the person stays reachable by other channels."""
    from bcp.contacts.load import check_phone  # noqa: PLC0415
    from bcp.registry import load  # noqa: PLC0415

    graph = app.settings.graph
    if graph is None:
        raise Invalid("graph: is not configured", hint="Add graph: to bcp.yaml, or use --from-file.")
    found = wait_for(
        load("directories", "graph").read_users(
            graph.tenant_id, graph.client_id, graph.client_secret.reveal(), api_url=graph.api_url
        )
    )
    people, bad = [], []
    for person in found:
        phone, why = check_phone(person.phone)
        if why:
            bad.append(f"{person.id} ({person.name}): the phone number {why}; left out")
        people.append(replace(person, phone=phone))
    return tuple(people), bad
