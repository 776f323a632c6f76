"""What runs out: secrets, certificates, drills, snapshots, anchors of the evidence. Facts in, checks out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bcp.contracts.readiness import NO_PLAYBOOK, Check
from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """One secret of the configuration. Its value is not here."""

    name: str
    """Where it stands: ``channels: sms: auth_token``."""
    reference: str
    problem: str = ""
    """Why it cannot be read; empty: it can."""
    hint: str = ""
    expires: float | None = None
    """When it ends, as the configuration says or as it says itself; ``None``: nobody said."""
    open_file: str = ""
    """Its file, where everybody on this machine can read or write it; empty: nobody else can."""
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate that somebody shows to others on our behalf."""

    code: str
    """``relay-certificate``, ``site-certificate``."""
    subject: str
    ends: float | None = None
    problem: str = ""
    """What a careful reader does not like about it; empty: nothing."""
    shown: bool = True
    """False: nothing was shown at all."""
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """The last drill of one playbook."""

    playbook: str
    last: float = 0.0
    """When it ended; 0: there was none."""
    every_s: float = 92 * 86_400.0
    changed: bool = False
    """The playbook has another text now than that drill had."""


@dataclass(frozen=True, slots=True)
class AnchorFacts:
    """The anchors of the evidence outside of this machine."""

    wanted: bool = False
    """Does the configuration name a place?"""
    last: float = 0.0
    """When somebody outside took one last; 0: never."""
    every_s: float = 3600.0
    problem: str = ""
    """Why the last try failed; empty: it did not."""


def secret(facts: SecretFacts, now: float, warn_s: float) -> list[Check]:
    """Is it there, and for how long?"""
    name, books = f"{facts.name} ({facts.reference})", facts.playbooks
    if facts.problem:
        return [Check("secret", name, "fail", facts.problem, facts.hint or "Set it.", None, books)]
    out = [Check("secret", name, "ok", "set", "", None, books)]
    if facts.open_file:
        text = f"everybody on this machine can read the secret {name}, or change it"
        out.append(Check("secret-open", name, "risk", text, f"chmod 600 {facts.open_file}", None, books))
    if facts.expires is not None:
        hint = "Renew it, and say until when: readiness: expires:"
        out.append(_ends("secret-expiry", name, name, facts.expires, now, warn_s, hint, books))
    return out


def certificate(facts: CertificateFacts, now: float, warn_s: float) -> Check:
    """Would a sender or a person that looks at it go on?"""
    code, who, books = facts.code, facts.subject, facts.playbooks
    hint = f"Give {who} a certificate that names it, from a public authority."
    if not facts.shown:
        return Check(code, who, "risk", f"{who} offers no TLS: mail to it travels in the open", hint, None, books)
    if facts.ends is not None and facts.ends - now < warn_s:
        return _ends(code, who, f"the certificate of {who}", facts.ends, now, warn_s, "Renew it.", books)
    if facts.problem:
        text = f"the certificate of {who}: {facts.problem}"
        return Check(code, who, "risk", text, hint, None, books)
    if facts.ends is None:
        return Check(
            code, who, "unknown", f"{who} has TLS; its certificate was not seen", "Does it answer?", None, books
        )
    return _ends(code, who, f"the certificate of {who}", facts.ends, now, warn_s, "Renew it.", books)


def _ends(
    code: str, subject: str, what: str, ends: float, now: float, warn_s: float, hint: str, books: tuple[str, ...]
) -> Check:
    if ends <= now:
        return Check(code, subject, "fail", f"{what} ended on {iso(ends)[:10]}", hint, None, books)
    left = format_duration(ends - now)
    if ends - now < warn_s:
        return Check(code, subject, "risk", f"{what} ends on {iso(ends)[:10]}, in {left}", hint, None, books)
    return Check(code, subject, "ok", f"{what} is valid until {iso(ends)[:10]}", "", None, books)


def drill(facts: DrillFacts, now: float) -> Check:
    """Was it rehearsed, and not too long ago?"""
    name, hint = facts.playbook, "Rehearse it: bcp drill new lab --playbook NAME, then bcp drill run last"
    if not facts.last:
        text = f"{name} was never rehearsed here"
        return Check("drill-age", name, "risk", text, hint, None, (name,))
    age = max(0.0, now - facts.last)
    text = f"{name} was rehearsed {format_duration(age)} ago"
    if age > facts.every_s:
        text += f", and should be every {format_duration(facts.every_s)}"
        return Check("drill-age", name, "fail" if age > 2 * facts.every_s else "risk", text, hint, None, (name,))
    if facts.changed:
        text += ", and was changed since: what it does now was never tried"
        return Check("drill-age", name, "risk", text, hint, None, (name,))
    return Check("drill-age", name, "ok", text, "", None, (name,))


def snapshot(taken: float, missing: int, max_age_s: float, now: float) -> Check:
    """What failback rests on. ``taken``: 0 where there is none; ``missing``: facts that could not be read then."""
    if not taken:
        text = "there is no snapshot of peacetime: failback would rest on bcp.yaml alone"
        return Check("snapshot-age", "", "risk", text, "bcp snapshot")
    age = max(0.0, now - taken)
    text = f"the snapshot of peacetime is {format_duration(age)} old" + (
        f", {missing} facts missing" if missing else ""
    )
    old = age > max_age_s
    return Check("snapshot-age", "", "risk" if old else "ok", text, "bcp snapshot" if old else "")


APART_S = 120.0
"""Clocks may differ by so much."""


def anchor(facts: AnchorFacts, now: float) -> Check:
    """Has somebody outside of this machine seen how the evidence stands?"""
    if not facts.wanted:
        text = "nobody outside of this machine has seen the evidence: whoever may write it can rewrite it"
        return Check("evidence-anchor", "", "risk", text, "Name a time-stamping authority or a witness: evidence:")
    hint = "bcp evidence anchor"
    if not facts.last:
        text = "no head of the evidence was taken by anybody outside yet" + _because(facts.problem)
        return Check("evidence-anchor", "", "fail" if facts.problem else "risk", text, hint)
    if facts.last > now + APART_S:
        ahead = format_duration(facts.last - now)
        text = f"the last head of the evidence was taken {ahead} from now: the clock was wrong then, or is now"
        text += _because(facts.problem)
        hint = 'Mend the clock, then say why: bcp evidence explain "..."'
        return Check("evidence-anchor", "", "risk", text, hint)
    age = max(0.0, now - facts.last)
    text = f"a head of the evidence was taken outside {format_duration(age)} ago"
    if age > 2 * facts.every_s:
        more = f"{text}, and should be every {format_duration(facts.every_s)}{_because(facts.problem)}"
        return Check("evidence-anchor", "", "fail" if age > 26 * facts.every_s else "risk", more, hint)
    return Check("evidence-anchor", "", "ok", text)


def witness(name: str, folder: str, problem: str) -> Check:
    """Is the folder there in which a witness keeps the heads? No playbook rests on it: what it did is what could not be
    proved."""
    if not problem:
        return Check("evidence-witness", name, "ok", f"the witness {name} is there", "", None, NO_PLAYBOOK)
    text = f"the witness {name} keeps nothing now: {folder} {problem}"
    hint = "Is the share mounted? Then: bcp evidence anchor"
    return Check("evidence-witness", name, "fail", text, hint, None, NO_PLAYBOOK)


def _because(problem: str) -> str:
    return f" ({problem})" if problem else ""
