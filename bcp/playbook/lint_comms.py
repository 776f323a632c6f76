"""Lint of what is said to whom, and of everything that would fail together with Exchange. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bcp.contracts.roles import expand
from bcp.contracts.traits import Trait
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Problem
from bcp.playbook.catalogue import Catalogue
from bcp.playbook.load import Loaded, Placed
from bcp.playbook.scope import ancestors


def check_notify(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    """Audiences, messages, channels and claims of every step that speaks."""
    for placed in loaded.steps:
        if not catalogue.has(placed.step.uses, Trait.SPEAKS):
            continue
        tells = catalogue.has(placed.step.uses, Trait.TELLS)
        with_, place = placed.step.with_, (*placed.path, "with")
        yield from _audience(loaded, place, with_.get("audience"), catalogue)
        name = with_.get("template")
        if not isinstance(name, str) or "{{" in name:
            continue
        if name not in catalogue.messages:
            yield loaded.document.problem(
                (*place, "template"),
                f"there is no message {name!r}",
                hint=did_you_mean(name, catalogue.messages),
                rule="unknown-template",
            )
            continue
        message = catalogue.messages[name]
        audience = with_.get("audience")
        if message.audiences and isinstance(audience, str) and audience not in message.audiences:
            yield loaded.document.problem(
                (*place, "template"),
                f"the message {name!r} is written for {', '.join(message.audiences)}, not for {audience}",
                rule="template-audience",
            )
        channels = with_.get("channels", ()) if tells else ()
        yield from _channels(loaded, place, name, channels, catalogue)
        if tells and channels:
            yield from _nobody(loaded, place, name, channels, catalogue)
        yield from _claims(loaded, placed, message.claims_in(loaded.book.covers), catalogue)
        if message.draft and tells:
            yield loaded.document.problem(
                (*place, "template"),
                f"{name!r} is a draft for a person; it is never sent by us",
                rule="draft",
                hint="bcp comms preview shows it.",
            )


def _audience(loaded: Loaded, place: tuple[str | int, ...], name: Any, catalogue: Catalogue) -> Iterator[Problem]:
    if not isinstance(name, str) or "{{" in name or catalogue.audiences is None:
        return
    if name not in catalogue.audiences:
        yield loaded.document.problem(
            (*place, "audience"),
            f"there is no audience {name!r}",
            hint=did_you_mean(name, catalogue.audiences),
            rule="unknown-audience",
        )
    elif not catalogue.audiences[name]:
        yield loaded.document.problem(
            (*place, "audience"),
            f"nobody is in the audience {name!r}",
            rule="empty-audience",
            severity="warning",
            hint="Check its groups in bcp.yaml.",
        )


def _channels(
    loaded: Loaded, place: tuple[str | int, ...], message: str, channels: Any, catalogue: Catalogue
) -> Iterator[Problem]:
    if not isinstance(channels, list) or catalogue.channels is None:
        return
    for i, name in enumerate(channels):
        if not isinstance(name, str) or "{{" in name:
            continue
        if name not in catalogue.channels and name in catalogue.playing:
            continue  # whoever plays it and has no form for this message is left out
        if name not in catalogue.channels:
            yield loaded.document.problem(
                (*place, "channels", i),
                f"there is no channel and no role {name!r}",
                hint=did_you_mean(name, [*catalogue.channels, *catalogue.playing]),
                rule="unknown-channel",
            )
        elif catalogue.channels[name].form not in catalogue.messages[message].forms:
            form = catalogue.channels[name].form
            yield loaded.document.problem(
                (*place, "channels", i),
                f"the message {message!r} has no {form} form for the channel {name!r}",
                rule="missing-form",
                hint=f"Add {form}: to the message.",
            )


def _nobody(
    loaded: Loaded, place: tuple[str | int, ...], message: str, channels: Any, catalogue: Catalogue
) -> Iterator[Problem]:
    """A step whose roles nobody plays here tells nobody, and is not a failure: said before the day."""
    if not _names(channels) or catalogue.channels is None:
        return
    forms = catalogue.messages[message].forms
    names = expand(channels, catalogue.channels, catalogue.playing)
    if not [n for n in names if n in channels or catalogue.channels[n].form in forms]:
        yield loaded.document.problem(
            (*place, "channels"),
            f"no channel here plays {' or '.join(channels)} for {message!r}: this step tells nobody",
            rule="no-channel",
            severity="warning",
            hint="Add a channel, or say under roles: in bcp.yaml who plays it.",
        )


def _names(channels: Any) -> bool:
    """Are these channels written out, so that they can be judged?"""
    return isinstance(channels, list) and all(isinstance(c, str) and "{{" not in c for c in channels)


def _claims(loaded: Loaded, placed: Placed, claims: tuple[str, ...], catalogue: Catalogue) -> Iterator[Problem]:
    if not claims:
        return
    provided: dict[str, str] = {}
    for step_id in ancestors(loaded, placed.id):
        other = loaded.step(step_id)
        if not _certain(other, placed):
            continue
        for fact in catalogue.actions[other.step.uses].provides(other.step.with_):
            provided[fact] = step_id
    for claim in claims:
        if claim not in provided and claim not in catalogue.facts:
            yield loaded.document.problem(
                (*placed.path, "with", "template"),
                f"this message says {claim!r}, and no step before it makes that true",
                rule="claim-without-fact",
                hint="Let it need the step that verifies it (with when: steps.ID.state == 'ok' where that step may "
                "fail or be skipped), or use another message.",
            )


def _certain(maker: Placed, speaker: Placed) -> bool:
    """Did the step certainly succeed when the other one speaks? One that may fail or be skipped must be asked about."""
    uncertain = maker.step.continue_on_error or bool(maker.step.when)
    return not uncertain or f"steps.{maker.id}.state" in (speaker.step.when or "").replace("['", ".").replace("']", "")


def check_relays(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    """A relay that is named must be one of ``bcp.yaml``: the plan would be refused in the outage. Where there is none
    at all, playbooks that need one are not for this organisation."""
    for placed in loaded.steps if catalogue.relays else ():
        name = placed.step.with_.get("relay")
        if isinstance(name, str) and name and "{{" not in name and name not in (known := catalogue.relays or {}):
            yield loaded.document.problem(
                (*placed.path, "with", "relay"),
                f"there is no relay {name!r}",
                hint=did_you_mean(name, known),
                rule="unknown-relay",
            )


def check_shared_fate(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    """Nothing that is needed may fall with what is down."""
    down = set(catalogue.fails_with)
    for placed in loaded.steps:
        with_, place = placed.step.with_, (*placed.path, "with")
        if catalogue.has(placed.step.uses, Trait.MOVES_MX) and down & set(catalogue.dns_fate):
            yield _fate(
                loaded,
                placed.path,
                f"{placed.id!r} -> the DNS back end of the domains -> {_both(down, catalogue.dns_fate)}",
            )
        elif catalogue.has(placed.step.uses, Trait.MOVES_MX) and down & set(catalogue.dns_leans):
            yield loaded.document.problem(
                placed.path,
                f"{placed.id!r} -> the DNS back end of the domains -> its tokens come from "
                f"{_both(down, catalogue.dns_leans)}: one that is held works on, a new one is not to be had",
                rule="shared-fate-later",
                severity="warning",
                hint="Keep a daemon running, which holds a token; better: a DNS host that needs nobody else's sign-in.",
            )
        relay = with_.get("relay")
        if isinstance(relay, str) and catalogue.relays and down & set(catalogue.relays.get(relay, ())):
            yield _fate(
                loaded, (*place, "relay"), f"{placed.id!r} -> relay {relay!r} -> {_both(down, catalogue.relays[relay])}"
            )
        if not catalogue.has(placed.step.uses, Trait.TELLS):
            continue
        if down & set(catalogue.contacts_fate):
            yield _fate(
                loaded, placed.path, f"{placed.id!r} -> the contact list -> {_both(down, catalogue.contacts_fate)}"
            )
        given = with_.get("channels")
        known = catalogue.channels or {}
        channels = expand(given or (), known, catalogue.playing) if _names(given) else ()
        if channels and all(c in known for c in channels):
            fates = [down & set(known[c].shares_fate_with) for c in channels]
            if all(fates):
                yield _fate(
                    loaded,
                    (*place, "channels"),
                    f"{placed.id!r} -> only {', '.join(channels)} -> {', '.join(sorted(set().union(*fates)))}",
                )


def _both(down: set[str], fate: tuple[str, ...]) -> str:
    return ", ".join(sorted(down & set(fate)))


def _fate(loaded: Loaded, path: tuple[str | int, ...], chain: str) -> Problem:
    return loaded.document.problem(
        path,
        f"this depends on what is down: {chain}",
        rule="shared-fate",
        hint="Use one that does not, or add a second one that does not.",
    )
