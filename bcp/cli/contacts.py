"""``bcp contacts``: check, list, sync, diff, show, export, tree, forget."""

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
    from bcp.contracts.directory import DirectoryService
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="People: check, list, sync, show, export, tree.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(name="check", help="Check a contacts file, or the configured one.")(check)
    group.command(name="list", help="People and audiences. Addresses are masked unless --full.")(list_)
    group.command(name="sync", help="Copy people from the directory (or a file) into the snapshot; says what changed.")(
        sync
    )
    group.command(name="snapshot", help="The same as sync.", hidden=True)(sync)
    group.command(name="diff", help="What differs between two sets of contacts.")(diff)
    group.command(name="show", help="One person: how they can be reached, and in which audiences they are.")(show)
    group.command(name="export", help="People as CSV. Addresses are masked unless --full.")(export)
    group.command(name="tree", help="A call tree to print, by who reports to whom.")(tree)
    group.command(name="forget", help="Take a person out for good (erasure).")(forget)
    group.command(name="keygen", help="A key pair to sign snapshots with.")(keygen)
    app.add_typer(group, name="contacts")


def check(file: Annotated[Path | None, typer.Argument(help="CSV or YAML; else the one in bcp.yaml.")] = None) -> None:
    """Check a contacts file, or the configured one."""
    from bcp.contacts.load import load_people

    app = _app_if_any() if file else make_app()
    file = file or (app.settings.contacts.file if app is not None else None)
    if file:
        read = load_people(file, app.settings.channels if app is not None else None).whole()
        people, warnings = read.people, [str(p) for p in read.doubts]
    else:
        people, warnings = tuple(make_app().people.directory.contacts), []
    if not people:
        raise Invalid(f"{file or 'the configuration'} holds nobody", hint="Is this the right file?")
    phones = sum(1 for c in people if c.phone)
    verdict = "nothing wrong" if not warnings else f"{len(warnings)} to look at"
    text = "\n".join([f"{plural_of(len(people))}, {phones} with a phone, {verdict}.", *warnings[:20]])
    render.emit("bcp.contacts/1", {"people": len(people), "phones": phones, "warnings": warnings}, text)


def _app_if_any() -> App | None:
    """The configuration, where there is one: a file can be checked before there is."""
    try:
        return make_app()
    except Invalid:
        return None


def list_(full: Annotated[bool, typer.Option("--full", help="Show addresses.")] = False) -> None:
    """List."""
    from bcp.comms.recipients import mask

    directory = make_app().people.directory
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
        + render.table([[n, plural_of(len(v))] for n, v in audiences.items()], ["AUDIENCE", ""])
    )
    render.emit("bcp.contacts/1", data, text)


def sync(
    file: Annotated[
        Path | None, typer.Option("--from-file", help="From this CSV, LDIF, SCIM JSON or YAML instead.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where; else contacts: snapshot: in bcp.yaml.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Ask for everybody, not only for changes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
) -> None:
    """Sync."""
    from bcp.contacts.load import load_people
    from bcp.contacts.snapshot import differences, read_snapshot, write_snapshot
    from bcp.kernel.files import write_atomic

    app = make_app()
    path = out or app.settings.contacts.snapshot
    if path is None:
        raise Invalid("where to? contacts: snapshot: is not set", hint="Add --out FILE.")
    bad: list[str] = []
    link = ""
    before = read_snapshot(path, app.people.contact_keys())[0] if path.exists() else ()
    if file:
        read = load_people(file, app.settings.channels).whole()
        people, source, bad = read.people, f"file {file.name}", [str(p) for p in read.doubts]
    else:
        people, bad, link, source = _from_directory(app, before, full=full)
    forgotten = _forgotten(app)
    people = tuple(p for p in people if _mark(p.id) not in forgotten)
    if before and not people:
        raise Invalid(f"{source} has nobody; {plural_of(len(before))} would be lost", hint="Look at the source first.")
    changed = differences(before, people)
    checksum = ""
    if not dry_run:
        checksum = write_snapshot(path, people, taken_at=app.clock.now(), source=source, keys=app.people.contact_keys())
        if link:
            write_atomic(app.configuration.state / "contacts.delta", link)
    count = {k: sum(1 for c in changed if c[0] == k) for k in ("added", "removed", "changed")}
    told = ", ".join(f"{n} {k}" for k, n in count.items())
    written = f"written to {path} ({checksum[:12]})" if checksum else "nothing written"
    text = f"{plural_of(len(people))} from {source}: {told}; {written}." + "".join(f"\nwarning: {b}" for b in bad[:20])
    data = {"people": len(people), "file": str(path), "digest": checksum, "source": source, "warnings": bad, **count}
    render.emit("bcp.contacts-sync/1", data, text)


def diff(
    old: Annotated[Path, typer.Argument(help="A snapshot or contacts file.")],
    new: Annotated[Path | None, typer.Argument(help="Another one; else what bcp.yaml has.")] = None,
) -> None:
    """Say what differs between two sets of contacts."""
    from bcp.contacts.snapshot import differences

    app = make_app()
    found = differences(_people(app, old), _people(app, new) if new else app.people.directory.contacts)
    rows = [[kind, person, ", ".join(what)] for kind, person, what in found]
    data = [{"kind": k, "id": p, "what": list(w)} for k, p, w in found]
    render.emit("bcp.contacts-diff/1", {"changes": data}, render.table(rows) if rows else "nothing differs")


def _people(app: App, path: Path) -> tuple[Contact, ...]:
    import json

    from bcp.contacts.load import load_contacts
    from bcp.contacts.snapshot import read_snapshot

    if path.suffix == ".json":
        try:
            if str(json.loads(path.read_text(encoding="utf-8")).get("schema", "")).startswith("bcp.contacts/"):
                return read_snapshot(path, app.people.contact_keys())[0]
        except (OSError, ValueError, AttributeError):
            pass
    return load_contacts(path)


def show(
    who: Annotated[str, typer.Argument(help="A contact's id.")],
    full: Annotated[bool, typer.Option("--full", help="Show addresses.")] = False,
) -> None:
    """Show one person, with numbers and addresses masked unless asked for in full."""
    from bcp.comms.recipients import mask
    from bcp.kernel.document import did_you_mean

    app = make_app()
    person = app.people.directory.person(who)
    if person is None:
        raise Invalid(
            f"there is nobody called {who!r}", hint=did_you_mean(who, [c.id for c in app.people.directory.contacts])
        )
    hide = (lambda t: t) if full else (lambda t: mask(t) if t else "")
    data = {
        "id": person.id, "name": person.name, "title": person.title, "phone": hide(person.phone),
        "email": hide(person.email), "language": person.language,
        "groups": list(person.groups), "manager": person.manager, "quiet": person.quiet, "timezone": person.timezone,
        "channels": list(person.channels), "optout": list(person.optout),
        "reachable_by": [n for n, c in app.world.channels.items() if not c.broadcast and c.address_of(person)],
        "audiences": [
            n for n in app.people.directory.audiences if any(m.id == who for m in app.people.directory.members(n))
        ],
    }  # fmt: skip
    render.emit(
        "bcp.contact/1",
        data,
        render.table([[k, ", ".join(v) if isinstance(v, list) else str(v)] for k, v in data.items() if v]),
    )


def export(
    out: Annotated[Path, typer.Argument(help="CSV to write.")],
    audience: Annotated[str, typer.Option("--audience", help="Only this audience.")] = "",
    full: Annotated[bool, typer.Option("--full", help="With addresses. Without it they are masked.")] = False,
) -> None:
    """Export."""
    from bcp.comms.recipients import mask
    from bcp.contacts.export import to_csv
    from bcp.kernel.files import write_atomic

    directory = make_app().people.directory
    people = directory.members(audience) if audience else list(directory.contacts)
    write_atomic(out, to_csv(people, None if full else mask))
    render.emit(
        "bcp.contacts-export/1", {"people": len(people), "file": str(out)}, f"{plural_of(len(people))} written to {out}"
    )


def tree(
    out: Annotated[Path, typer.Argument(help="HTML to write; print it.")],
    audience: Annotated[str, typer.Option("--audience", help="Only this audience.")] = "",
) -> None:
    """Tree."""
    from bcp.contacts.tree import page
    from bcp.kernel.files import write_atomic

    app = make_app()
    people = app.people.directory.members(audience) if audience else list(app.people.directory.contacts)
    write_atomic(out, page(app.settings.organisation.name, people, app.clock.now(), app.settings.organisation.hotline))
    render.emit(
        "bcp.contacts-tree/1",
        {"people": len(people), "file": str(out)},
        f"{plural_of(len(people))} written to {out}. It holds phone numbers: keep it like keys.",
    )


def forget(
    who: Annotated[str, typer.Argument(help="A contact's id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a person out for good (erasure)."""
    from bcp.contacts.snapshot import read_snapshot, write_snapshot
    from bcp.kernel.files import write_atomic

    app = make_app()
    if not yes and not render.ask(f"Forget {who} for good?"):
        raise Invalid("nothing was done", hint="Add --yes.")
    path = app.settings.contacts.snapshot
    removed = 0
    if path is not None and path.exists():
        people, taken, source = read_snapshot(path, app.people.contact_keys())
        kept = [p for p in people if p.id != who]
        removed = len(people) - len(kept)
        write_snapshot(path, kept, taken_at=taken, source=source, keys=app.people.contact_keys())
    write_atomic(app.configuration.state / "forgotten", "\n".join(sorted({*_forgotten(app), _mark(who)})) + "\n")
    text = f"{who} was taken out of the snapshot ({removed}) and will not come back with a sync."
    if app.settings.contacts.file is not None:
        text += f" {app.settings.contacts.file.name} is yours: take them out there too."
    text += " Journals of past runs hold masked addresses only."
    render.emit("bcp.contacts-forget/1", {"id": who, "removed": removed}, text)


def _mark(who: str) -> str:
    """What is kept of somebody who is forgotten: enough to recognise the id, not to read it."""
    from bcp.kernel.hashing import digest_text

    return digest_text(f"forgotten:{who}")[:32]


def _forgotten(app: App) -> set[str]:
    path = app.configuration.state / "forgotten"
    return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()


def keygen() -> None:
    """Make a key pair that signs snapshots of the contacts."""
    import json

    from bcp.contacts.seal import new_signing_key

    private, public = new_signing_key()
    data = {"signing_key": private, "trusted_key": public}
    render.raw(
        f"signing key (keep it where snapshots are made, contacts: signing_key:)\n  {private}\n"
        f"public key (everywhere, contacts: trusted_key:)\n  {public}"
        if not render.OUT.json
        else json.dumps({"schema": "bcp.keys/1", **data})
    )


def _from_directory(
    app: App, before: tuple[Contact, ...], *, full: bool
) -> tuple[tuple[Contact, ...], list[str], str, str]:
    """People of the directory: what changed since the last sync, or all of them; the link for the next time; and what
    the directory is called.

    A number that is not valid is left out and named: the person stays reachable by other channels.
    """
    from bcp.contacts.load import check_phone
    from bcp.kernel.errors import Permanent

    source = app.world.source
    if source is None:
        raise Invalid("graph: is not configured", hint="Add graph: to bcp.yaml, or use --from-file.")
    path = app.configuration.state / "contacts.delta"
    link = path.read_text(encoding="utf-8").strip() if path.exists() and before and not full else ""
    try:
        changes = wait_for(source.changes(link))
    except Permanent:
        if not link:
            raise
        link = ""  # the directory no longer knows the link: begin anew
        changes = wait_for(source.changes())
    people: dict[str, Contact] = {p.id: p for p in before} if link else {}
    bad = []
    for person in changes.people:
        phone, why = check_phone(person.phone)
        if why:
            bad.append(f"{person.id} ({person.name}): the phone number {why}; left out")
        people[person.id] = replace(person, phone=phone)
    for ident in changes.gone:
        people.pop(ident, None)
    return _placed(app, source, people), bad, changes.since, f"directory {source.name}"


def _placed(app: App, source: DirectoryService, people: dict[str, Contact]) -> tuple[Contact, ...]:
    """The same people with their groups and managers in the directory, where these are to be read: as they are now."""
    from bcp.contracts.directory import DirectorySettings

    wanted = app.configuration.plugins["directories"][source.name]
    assert isinstance(wanted, DirectorySettings)
    if wanted.groups:
        members = wait_for(source.members(wanted.groups))
        theirs = {name: set(ids) for name, ids in members.items()}
        for ident, person in people.items():
            kept = [g for g in person.groups if g not in wanted.groups]
            mine = [name for name, ids in theirs.items() if ident in ids]
            people[ident] = replace(person, groups=(*kept, *mine))
    if wanted.managers:
        above = wait_for(source.managers())
        people = {i: replace(p, manager=above.get(i, "")) for i, p in people.items()}
    return tuple(people.values())


def plural_of(count: int) -> str:
    """``1 person``, ``2 people``."""
    return "1 person" if count == 1 else f"{count} people"
