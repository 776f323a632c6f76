"""One message to one audience, outside a playbook: what it says, what it takes, and the playbook that sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bcp.comms.courier import Courier
from bcp.comms.lint import LONG
from bcp.comms.pack import FORMS
from bcp.comms.render import render
from bcp.contracts.channel import Message
from bcp.contracts.services import Order, SendForecast
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.files import write_atomic
from bcp.wiring import App

FACTS = {
    "mx-on-relay": "mail goes to the backup",
    "mx-on-primary": "MX points at Exchange again",
    "mail-flows": "a test mail got through",
    "queue-drained": "what the backup kept is delivered",
}
"""Facts that messages claim, in words."""


def values(app: App | None, letter: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Values to render with: long ones, then the organisation's own, then those given.
    The class: given, else the last verdict's, else B."""
    out: dict[str, Any] = {**LONG, **given}
    if app is not None:
        out["org"] = app.settings.organisation.said()
        out["domains"] = list(app.world.domains)
        latest = app.watching.history.latest()
        letter = letter or (latest[1]["class"] if latest else "")
    return {**out, "outage_class": letter or "B"}


def texts(app: App, name: str, letter: str, given: Mapping[str, str], *, drill: bool = False) -> list[Message]:
    """Every form and language of a message. Raises ``Invalid``."""
    template, filled = app.world.pack.get(name), values(app, letter, given)
    return [
        render(template, form, language, language, filled, drill=drill)
        for form in FORMS
        for language in getattr(template.file, form)
    ]


def must_know(app: App, audience: str) -> None:
    """Raises ``Missing`` (``no-such-audience``) unless the configuration has this audience."""
    known = app.people.directory.audiences
    if audience not in known:
        hint = did_you_mean(audience, known)
        raise Missing(f"there is no audience {audience[:60]!r}", rule="no-such-audience", hint=hint)


def fitting(app: App, name: str, channels: Sequence[str] | None) -> list[str]:
    """The channels asked for, or every configured one for which the message has a form. Raises ``Invalid``."""
    forms = app.world.pack.get(name).forms()
    found = list(channels or [n for n, c in app.world.channels.items() if c.form in forms])
    if not found:
        kinds = ", ".join(sorted(forms))
        if not app.world.channels:
            hint = f"Add one under channels: in bcp.yaml ({kinds}). All that there is: bcp config schema"
            raise Invalid("there is no channel by which anything could be sent", hint=hint, rule="no-channel")
        raise Invalid(f"no configured channel carries {name}", hint=f"It is written for: {kinds}.", rule="no-channel")
    return found


async def forecast(
    app: App, audience: str, name: str, channels: Sequence[str] | None, letter: str, given: Mapping[str, str]
) -> list[SendForecast]:
    """Render for everybody and count; sends nothing. Raises ``Missing`` (``no-such-audience``), ``Invalid``."""
    must_know(app, audience)
    filled = values(app, letter, given)
    courier = Courier(
        app.people.directory,
        app.world.pack,
        app.world.channels,
        None,
        app.clock,
        lambda extra: {**filled, **extra},
        language=app.settings.organisation.language,
        roles=app.world.roles,
    )
    return await courier.forecast(Order(audience, name, tuple(fitting(app, name, channels))))


def cost(app: App, row: SendForecast) -> str:
    """What it costs, where a price is known."""
    price = app.settings.prices.get(row.channel)
    return "" if price is None else f"{(row.segments or row.messages) * price:.2f} {app.settings.currency}"


def playbook_of(
    app: App, audience: str, name: str, channels: Sequence[str] | None, letter: str, given: Mapping[str, str]
) -> Path:
    """A playbook with one notify step, in the state folder. Raises ``Missing`` (``no-such-audience``), ``Invalid``."""
    must_know(app, audience)
    step = {
        "audience": audience,
        "template": name,
        "channels": fitting(app, name, channels),
        "variables": {**given, "outage_class": values(app, letter, {})["outage_class"]},
    }
    covers = [step["variables"]["outage_class"]]  # type: ignore[index]
    # Who says that it works again looks first; every other fact must have been made by a run.
    claims = app.world.pack.get(name).claims(covers)
    look = "service-healthy" in claims
    made = {"service-healthy"} | (app.running.facts() if claims else set())
    if missing := [c for c in claims if c not in made]:
        raise Invalid(
            f"{name} says of class {covers[0]} that {' and '.join(FACTS.get(c, c) for c in missing)} "
            f"({', '.join(missing)}),"
            " and no run has made that true",
            hint="bcp status --all shows the runs. Send another phase, or say what you know in a message of your own.",
        )
    text = (
        "version: 1\nname: comms-send\ntitle: One message to one audience\n"
        f"covers: {json.dumps(covers)}\n"
        'concurrency: {group: "comms-send"}\n'
        + ("steady_state:\n  before:\n    - {id: look, uses: verdict, with: {must_be: healthy}}\n" if look else "")
        + f"activation:\n  - {{id: send, uses: notify, with: {json.dumps(step, ensure_ascii=False)}}}\n"
        "always:\n  - {id: report, uses: report.write}\n"
    )
    path = app.configuration.state / "comms" / "comms-send.yaml"
    write_atomic(path, text)
    return path
