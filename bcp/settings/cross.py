"""Rules over the whole of ``bcp.yaml``: references between sections, and things that would fall together.
One function each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bcp.contracts.hook import HookSettings
from bcp.contracts.plugin import PluginSettings
from bcp.contracts.relay import RelaySettings
from bcp.contracts.roles import MEANINGS
from bcp.kernel.document import Document, did_you_mean
from bcp.kernel.errors import Problem
from bcp.playbook.expr import ExpressionError, parse_expression
from bcp.settings.families import flaws
from bcp.settings.model import Settings

Plugins = Mapping[str, Mapping[str, PluginSettings]]


def cross(settings: Settings, document: Document, plugins: Plugins) -> list[Problem]:
    """Everything that is wrong between sections, with its position."""
    return [p for rule in RULES for p in rule(settings, document, plugins)]


def _back_ends(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Every domain names a DNS back end that there is."""
    for i, domain in enumerate(settings.domains):
        for name in (n for n in domain.back_ends if n not in settings.dns):
            text, hint = f"there is no DNS back end {name!r}", did_you_mean(name, settings.dns)
            yield document.problem(("domains", i, "dns"), text, rule="unknown-reference", hint=hint)


def _by_hand(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Where several hosts serve a zone, none of them is a person: all are changed in seconds, or none is."""
    for i, domain in enumerate(settings.domains):
        kinds = {n: plugins["dns"][n].kind for n in domain.back_ends if n in plugins["dns"]}
        if len(domain.back_ends) > 1 and "manual" in kinds.values():
            name = next(n for n, kind in kinds.items() if kind == "manual")
            text = f"{name!r} is entered by hand, and cannot be one of several hosts that are changed together"
            hint = "Give this host an interface, or take it out of the delegation of the zone."
            yield document.problem(("domains", i, "dns"), text, rule="dns.together-by-hand", hint=hint)


def _second_ways(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """A second way is another back end with an interface, and has none of its own."""
    back_ends = plugins["dns"]
    for name, given in back_ends.items():
        other = getattr(given, "second", "")
        if not other:
            continue
        place, hint, rule = ("dns", name, "second"), "", "dns.second-way"
        if other not in back_ends:
            text, rule = f"there is no DNS back end {other!r}", "unknown-reference"
            hint = did_you_mean(other, back_ends)
        elif other == name:
            text = "the second way is the first again"
        elif "manual" in {given.kind, back_ends[other].kind}:
            text, hint = "a person is no second way: it is used within seconds", "When both ways fail, the run says so."
        elif getattr(back_ends[other], "second", ""):
            text, hint = f"{other!r} is a second way, and has one of its own", "Two ways are used, not three."
        else:
            continue
        yield document.problem(place, text, rule=rule, hint=hint)


def _twice(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """No domain stands here twice."""
    seen: set[str] = set()
    for i, domain in enumerate(settings.domains):
        if domain.name in seen:
            text = f"the domain {domain.name} stands here twice"
            yield document.problem(("domains", i, "name"), text, rule="duplicate-domain", hint="Remove one.")
        seen.add(domain.name)


def _relays(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """No relay is the primary of a domain: a switch would change nothing."""
    relays = [r for r in plugins["relays"].values() if isinstance(r, RelaySettings)]
    hosts = {h.host for r in relays for h in r.published()}
    for i, domain in enumerate(settings.domains):
        for j, host in enumerate(domain.primary):
            if host.host in hosts:
                text = f"{host.host} is a relay and the primary of {domain.name}"
                where = ("domains", i, "primary", j, "host")
                yield document.problem(where, text, rule="relay-is-primary", hint="They must be different hosts.")


def _relay_hosts(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """No host of a relay stands there twice: it would be asked, drained and counted under one name."""
    for name, given in plugins["relays"].items():
        seen: set[str] = set()
        for i, row in enumerate(given.published() if isinstance(given, RelaySettings) else ()):
            if (host := row.host.rstrip(".").lower()) in seen:
                text = f"the host {host} of {name} stands here twice"
                where = ("relays", name, "hosts", i, "host")
                yield document.problem(where, text, rule="relay.host-twice", hint="Remove one.")
            seen.add(host)


def _recipients(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """A relay's list of recipients comes from a directory that there is."""
    known = plugins["directories"]
    for name, given in plugins["relays"].items():
        machine = given.machine() if isinstance(given, RelaySettings) else None
        wanted = machine.recipients.directory if machine else ""
        if wanted and wanted not in known:
            place = ("relays", name, "kit", "recipients", "directory")
            hint = did_you_mean(wanted, known) or "For Microsoft Graph add graph:; files: need none."
            yield document.problem(place, f"there is no directory {wanted!r}", rule="unknown-reference", hint=hint)


def _roles(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Whoever plays a role is a channel."""
    for role, names in settings.roles.items():
        for i, name in enumerate(names):
            if name not in settings.channels:
                text = f"the role {role!r} is played by {name!r}, and there is no such channel"
                hint = did_you_mean(name, settings.channels)
                yield document.problem(("roles", role, i), text, rule="unknown-reference", hint=hint)


def _askers(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Questions go out by channels that there are: a name that is none would ask nobody, on the day."""
    known = {*settings.channels, *settings.roles, *MEANINGS}
    for i, name in enumerate(settings.serve.ask.channels):
        if name not in known:
            text = f"questions go out by {name!r}, and there is no such channel or role"
            hint = did_you_mean(name, known)
            yield document.problem(("serve", "ask", "channels", i), text, rule="unknown-reference", hint=hint)


def _plugins(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """What plug-ins say themselves: an e-mail channel that writes to mailboxes that are down, and the like."""
    ours = tuple(d.name for d in settings.domains)
    yield from flaws(document, plugins, ours, settings.serve.public_url)


def _conditions(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """The condition of every hook can be evaluated."""
    for name, hook in plugins["triggers"].items():
        assert isinstance(hook, HookSettings)
        try:
            parse_expression(hook.when or "true")
        except ExpressionError as error:
            where, text = ("serve", "hooks", name, "when"), f"the condition of the hook {name!r}: {error}"
            hint = "For example labels.service == 'exchange'."
            yield document.problem(where, text, rule="expression", hint=hint)


def _standing(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """A standing approval approves something."""
    for i, standing in enumerate(settings.approvals.standing):
        if not standing.classes:
            where = ("approvals", "standing", i, "classes")
            text = "a standing approval for no class approves nothing"
            yield document.problem(where, text, rule="value", hint="classes: [F]")


def _readiness(settings: Settings, document: Document, plugins: Plugins) -> Iterator[Problem]:
    """Whoever is told of readiness, or keeps the heads of the evidence, is told by channels that there are."""
    known = {*settings.channels, *settings.roles, *MEANINGS}
    for i, name in enumerate(settings.readiness.channels):
        if name not in known:
            text, hint = (
                f"readiness is told by {name!r}, and there is no such channel or role",
                did_you_mean(name, known),
            )
            where = ("readiness", "channels", i)
            yield document.problem(where, text, rule="unknown-reference", hint=hint)
    for name, witness in settings.evidence.witnesses.items():
        if witness.channel is not None and witness.channel not in settings.channels:
            text = f"the witness {name!r} is told by {witness.channel!r}, and there is no such channel"
            hint = did_you_mean(witness.channel, settings.channels)
            yield document.problem(
                ("evidence", "witnesses", name, "channel"), text, rule="unknown-reference", hint=hint
            )


RULES = (
    _back_ends, _by_hand, _second_ways, _twice, _relays, _relay_hosts, _recipients, _roles, _askers, _plugins,
    _conditions, _standing, _readiness,
)  # fmt: skip
