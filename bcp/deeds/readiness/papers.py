"""Looks at what runs out: secrets, the certificate of our own site, drills, the snapshot, anchors of the evidence."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.plugin import Model
from bcp.contracts.readiness import NO_PLAYBOOK, Check
from bcp.deeds.exercises import exercises
from bcp.deeds.readiness.scope import Scope
from bcp.kernel.errors import BcpError
from bcp.kernel.files import open_to_all
from bcp.kernel.hashing import digest_text
from bcp.kernel.secret import Secret
from bcp.kit.certificates import shown, validity
from bcp.ready import papers
from bcp.store.files.anchors import Anchored, AnchorLog
from bcp.wiring import App


async def secrets(app: App, scope: Scope) -> list[Check]:
    """Each secret of the configuration: is it there, until when? Its value is looked at and told to nobody."""
    now, warn, out = app.clock.now(), app.settings.readiness.warn_before, list[Check]()
    for name, secret in named_secrets(app):
        out += papers.secret(_secret(app, scope, name, secret), now, warn)
    return out


def named_secrets(app: App) -> Iterator[tuple[str, Secret]]:
    """Every secret, with where it stands: ``channels: sms: auth_token``."""
    yield from _in(app.settings, ())
    for family, found in app.configuration.plugins.items():
        for name, settings in found.items():
            yield from _in(settings, (family, name))


def unset_secrets(app: App) -> Iterator[tuple[str, str]]:
    """Secrets that cannot be read here: where each stands, and why."""
    for where, secret in named_secrets(app):
        try:
            secret.reveal()
        except BcpError as error:
            yield where, error.message


def _in(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield ": ".join(path), value
    elif isinstance(value, Model):
        for name in type(value).model_fields:
            yield from _in(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _in(one, (*path, str(name)))
    elif isinstance(value, (list, tuple)):
        for i, one in enumerate(value, 1):
            yield from _in(one, (*path, str(i)))


def _secret(app: App, scope: Scope, name: str, secret: Secret) -> papers.SecretFacts:
    books = _users(scope, name)
    said = app.settings.readiness.expires.get(secret.reference)
    try:
        value = secret.reveal()
    except BcpError as error:
        return papers.SecretFacts(name, secret.reference, error.message, error.hint, playbooks=books)
    ends = _end_of(said) if said else expiry(value)
    path = secret.path
    seen = str(path) if path is not None and open_to_all(path) else ""
    return papers.SecretFacts(name, secret.reference, expires=ends, open_file=seen, playbooks=books)


def _users(scope: Scope, name: str) -> tuple[str, ...]:
    """Playbooks that need a secret at this place; none: all of them."""
    family, _, rest = name.partition(": ")
    first = rest.partition(": ")[0]
    if family == "dns":
        return scope.movers
    if family == "relays":
        return scope.using(relay=first)
    return scope.using(channel=first) or NO_PLAYBOOK if family == "channels" else ()


def _end_of(day: str) -> float:
    """The end of this day, UTC."""
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


def expiry(value: str) -> float | None:
    """When a secret ends, where it says so itself: a certificate in PEM, a JSON Web Token with ``exp`` (RFC 7519
    section 4.1.4)."""
    if "-----BEGIN CERTIFICATE" in value:
        found = validity(value[value.index("-----BEGIN CERTIFICATE") :].encode())
        return found.ends if found else None
    parts = value.split(".")
    if len(parts) != 3 or not parts[1]:
        return None
    try:
        data = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        ends = data["exp"] if isinstance(data, dict) else None
    except (ValueError, KeyError, binascii.Error):
        return None
    return float(ends) if isinstance(ends, (int, float)) and not isinstance(ends, bool) and 0 < ends < 1e11 else None


async def site(app: App, scope: Scope) -> list[Check]:
    """The certificate under which people and vendors reach the daemon."""
    url = urlsplit(app.settings.serve.public_url)
    if url.scheme != "https" or not url.hostname:
        return []
    try:
        found = validity(await shown(url.hostname, url.port or 443))
        facts = papers.CertificateFacts("site-certificate", url.hostname, found.ends if found else None)
    except BcpError as error:
        text = f"{url.hostname} cannot be reached: {error.message}: links in texts lead nowhere"
        return [Check("site-certificate", url.hostname, "fail", text, "Is the proxy up? See serve: public_url:.")]
    return [papers.certificate(facts, app.clock.now(), app.settings.readiness.warn_before)]


async def drills(app: App, scope: Scope) -> list[Check]:
    """When each playbook was rehearsed last."""
    every, noted = app.settings.readiness.drill_every, _noted(app)
    facts = await asyncio.to_thread(lambda: [_drilled(app, n, noted.get(n, (0.0, "")), every) for n in scope.titles])
    return [papers.drill(f, app.clock.now()) for f in facts]


def _drilled(app: App, name: str, noted: tuple[float, str], every: float) -> papers.DrillFacts:
    """The last one, by the runs of drills and by the drill book; and whether it had the playbook as it is now."""
    ran = app.running.rehearsed(name)
    last, had = max((ran, ""), noted)
    try:
        had = digest_text(app.running.rehearsed_text(name)) if last == ran and ran else had
        changed = bool(had) and had != digest_text(app.playbooks.load(name).document.text)
    except BcpError:
        changed = False  # that it cannot be read is said elsewhere
    return papers.DrillFacts(name, last, every, changed)


def _noted(app: App) -> dict[str, tuple[float, str]]:
    """When the last exercise of each playbook that came to its end was over, by the drill book, and the digest of the
    text that it had; empty: a table has none."""
    done = [e for e in exercises(app) if e.record.ended and e.record.outcome == "completed"]
    out: dict[str, tuple[float, str]] = {}
    for one in sorted(done, key=lambda e: e.record.ended):
        tried = {
            str(r["playbook"]): digest_text(str(r["text"])) for r in one.measured.get("dry_run", ()) if "text" in r
        }
        out |= {p.name: (one.record.ended, tried.get(p.name, "")) for p in one.record.playbooks}
    return out


async def anchors(app: App, scope: Scope) -> list[Check]:
    """When somebody outside of this machine took a head of the evidence last."""
    wanted = app.settings.evidence
    found = AnchorLog(app.configuration.state).read()
    facts = papers.AnchorFacts(
        bool(wanted.timestamps or wanted.witnesses), found.taken(), wanted.every, problem=found.damage
    )
    return [papers.anchor(facts, app.clock.now()), *await asyncio.to_thread(_witnesses, app, found)]


def _witnesses(app: App, found: Anchored) -> list[Check]:
    """Folders that somebody else keeps: there, and with the newest of what they took."""
    out = []
    for name, one in app.settings.evidence.witnesses.items():
        if one.folder is not None:
            out.append(papers.witness(name, str(one.folder), _trouble(one.folder, _newest(found, name))))
    return out


def _newest(found: Anchored, name: str) -> int:
    rows = [int(r["seq"]) for r in found.records if r.get("kind") == "witness" and r.get("name") == name]
    return max(rows, default=0)


def _trouble(folder: Path, newest: int) -> str:
    try:
        there = set(os.listdir(folder))
    except OSError as error:
        return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
    return f"has not got the head {newest} that it took" if newest and f"{newest:08d}.json" not in there else ""


async def snapshot(app: App, scope: Scope) -> list[Check]:
    """What peacetime looked like, as failback knows it."""
    last = app.world.peace
    taken, missing = (last.taken, len(last.unreadable)) if last is not None else (0.0, 0)
    return [papers.snapshot(taken, missing, app.settings.snapshot.max_age, app.clock.now())]
