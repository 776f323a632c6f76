"""What must not be in a message: checked on the file, and on every text it can become. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bcp.comms.pack import FORMS, Template
from bcp.comms.render import render
from bcp.comms.segments import count
from bcp.kernel.errors import Invalid, Problem

SHORTENERS = (
    "bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rb.gy", "cutt.ly", "shorturl.at", "t.ly",
    "tiny.cc", "rebrand.ly", "lnkd.in",
)  # fmt: skip
"""A link that hides where it goes looks like phishing, and outage texts are what phishing looks like."""
TAKEN = (
    "stop",
    "stopall",
    "unsubscribe",
    "end",
    "quit",
    "cancel",
    "revoke",
    "optout",
    "start",
    "yes",
    "unstop",
    "help",
    "info",
)
"""Words that Twilio and carriers take for themselves (twilio.com, Advanced Opt-Out): answers are digits."""
_ASKED = re.compile(
    r"\b(?:reply|answer|text|respond|antwort\w*|antworten sie|senden sie|schreiben sie)"
    r"\b(?:\s+(?:with|mit|back|sie))*\s*[:\"'=]*\s*(\w+)",
    re.IGNORECASE,
)
_PRODUCT = re.compile(r"\b(?:EX|MO|TM|SP)\d{5,8}\b")
_UNSAID = re.compile(r"https?://|\brun-|[=/*_#<>{}|@\\`]|[^.!?]$")
"""What a voice reads as noise or not at all, and an end without a pause."""
_SENTENCE = re.compile(r"[.!?:]\s+|\n+")
NOTICES = {"investigating", "identified", "monitoring", "update"}
LONG = {
    "org": {
        "name": "Contoso Group AG",
        "hotline": "+49 30 123456789",
        "status_page": "https://status.contoso.example",
        "signature": "IT service desk",
    },
    "service": "exchange-online",
    "domains": ["contoso.example"],
    "inputs": {},
    "run": {"id": "run-20260122-174500-x7kq", "kind": "real", "playbook": "exchange-inbound-outage"},
    "now": "10:30 CEST",
    "since": "09:45 CEST",
    "next_update": "11:00 CEST",
    "ask": {
        "what": "inbound mail fails (class B)",
        "seen": "198.51.100.10:25 at connect: no answer in time",
        "playbook": "exchange-inbound-outage",
        "plan": "3f9a1c2b7d04",
        "forecast": "MX of 3 domains; 1,200 texts",
        "run": "run-20260122-174500-x7kq",
        "incident": "inc-20260122-174500-x7kq",
        "until": "10:40 CEST",
        "yes": "483920",
        "no": "117743",
        "link": "https://bcp.contoso.example/a/Xb3kQ9vT2mLw8RzY5uHc1DfG7sKp",
        "keys": True,
        "buttons": True,
        "back": False,
        "asks": "start",
        "short": "mail goes back to the primary",
        "although": "our own look says that the service is down: mail would go to a dead server",
        "result": "nobody answered in time",
        "count": 1,
    },
    "ready": {
        "says": "2 of 11 playbooks are not ready: sms reaches nobody of the 2 people in oncall (and 3 more)",
        "level": "not ready",
        "day": "2026-01-26",
        "playbooks": [
            {"name": "exchange-failback", "title": "Back to Exchange", "level": "ready", "percent": 100, "went": ""}
        ],
        "reasons": [{"says": "The certificate of mx1 ends in 3d", "hint": "Renew it.", "state": "risk"}],
        "more": 2,
        "de": {
            "says": "1 von 7 Playbooks ist nicht bereit",
            "level": "nicht bereit",
            "titles": {"exchange-failback": "Zurück zu Exchange"},
            "levels": {"exchange-failback": "bereit"},
            "reasons": [{"says": "gilt nicht: Das Geheimnis ist da (env:SMS)", "hint": "Es setzen.", "state": "fail"}],
            "more": 2,
        },
        "worse": 1,
        "mended": 2,
        "link": "https://bcp.contoso.example/ready",
    },
    "wrong": "Mail is down.",
    "right": "Calendars are down.",
}
"""Plausible long values. A promise of one segment must hold with them."""


def lint_message(template: Template, *, languages: Sequence[str] = ("en",)) -> list[Problem]:
    """Every problem of one message."""
    out = list(_cells(template, languages))
    out += [p for form in FORMS for p in _source(template, form)]
    out += list(_fields(template))
    out += list(_rendered(template))
    return out


def _at(
    template: Template, form: str, language: str, text: str, rule: str, hint: str = "", severity: str = "error"
) -> Problem:
    return template.document.problem(
        (form, language), f"{template.name} ({form}, {language}) {text}", rule=rule, hint=hint, severity=severity
    )


def _cells(template: Template, languages: Sequence[str]) -> Iterator[Problem]:
    for form in FORMS:
        table = getattr(template.file, form)
        for language in languages if table else ():
            if language not in table:
                yield template.document.problem(
                    (form,),
                    f"{template.name}: the form {form} has no {language}",
                    rule="missing-language",
                    hint=f"Add {language}: under {form}:.",
                )


def _texts(template: Template, form: str) -> Iterator[tuple[str, str]]:
    for language, found in getattr(template.file, form).items():
        yield language, found if isinstance(found, str) else f"{found.subject}\n{found.body}"


def _source(template: Template, form: str) -> Iterator[Problem]:
    for language, text in _texts(template, form):
        low = text.lower()
        for host in SHORTENERS:
            if re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", low):
                yield _at(
                    template,
                    form,
                    language,
                    f"has a shortened link ({host})",
                    "link-shortener",
                    "Write the whole address; people must see where it goes.",
                )
        for found in _ASKED.finditer(text):
            if found[1].lower() in TAKEN:
                yield _at(
                    template,
                    form,
                    language,
                    f"asks for the answer {found[1]!r}, which carriers take for themselves",
                    "taken-word",
                    "Ask for a digit: Reply 1 = read.",
                )
        if not {"helpdesk", "oncall"} & set(template.file.audiences) and (code := _PRODUCT.search(text)):
            yield _at(
                template,
                form,
                language,
                f"has the product code {code[0]}",
                "product-code",
                "Only the help desk and people on call need it.",
            )


def _fields(template: Template) -> Iterator[Problem]:
    """What a notice must say, so that people can act and can tell it from phishing."""
    if template.file.phase not in NOTICES or template.file.draft:
        return
    for form, needed in (
        ("page", ("next_update",)),
        ("email", ("next_update", "since", "org.signature")),
        ("chat", ()),
    ):
        for language, text in _texts(template, form):
            for name in needed:
                if name not in text and not (name == "since" and template.file.phase in {"update"}):
                    yield _at(
                        template, form, language, f"does not say {name}", "missing-field", f"Write {{{{ {name} }}}}."
                    )
    if not {"customers", "partners"} & set(template.file.audiences):  # they have no phone book of ours
        for language, text in _texts(template, "email"):
            if "org.hotline" not in text:
                yield _at(
                    template, "email", language, "does not say how to check that it is real", "missing-check",
                    "Write {{ org.hotline }}, the number in the phone book: an outage text looks like phishing.",
                    "warning",
                )  # fmt: skip


def _rendered(template: Template) -> Iterator[Problem]:
    classes = sorted(template.lexicon) or [""]
    uses = "say." in template.document.text or "outage_class" in template.document.text
    for form in FORMS:
        for language in getattr(template.file, form):
            told: set[str] = set()
            for letter in classes if uses else classes[:1]:
                yield from _one(template, form, language, letter, told)


def _one(template: Template, form: str, language: str, letter: str, told: set[str]) -> Iterator[Problem]:
    values: Mapping[str, Any] = {**LONG, "outage_class": letter}
    try:
        message = render(template, form, language, language, values, drill=False)
    except Invalid as error:
        if "render" not in told:
            yield from error.problems
        told.add("render")
        return
    where = f" in class {letter}" if "say." in template.document.text else ""
    if form == "sms" and template.file.one_segment and message.segments != 1 and "segments" not in told:
        told.add("segments")
        size = count(message.body)
        blame = size.offenders[0] if size.offenders else None
        why = (
            f": {blame.character!r} at {blame.position + 1} makes it UCS-2"
            if blame
            else f": {size.units} of 160 characters"
        )
        yield _at(
            template,
            form,
            language,
            f"has {message.segments} segments{where}, one is promised{why}",
            "two-segments",
            "Shorten it, or take one_segment: away.",
        )
    if form == "voice" and (noise := _UNSAID.search(message.body)) and "noise" not in told:
        told.add("noise")
        yield _at(
            template, form, language, f"cannot be read aloud at {noise[0]!r}", "not-for-the-ear",
            "Write words, as they are said; end with a full stop.", "warning",
        )  # fmt: skip
    for sentence in _SENTENCE.split(message.body) if form in {"sms", "chat", "voice"} else ():
        if len(sentence.split()) > 22 and "long" not in told:
            told.add("long")
            yield _at(
                template,
                form,
                language,
                f"has a sentence of {len(sentence.split())} words",
                "long-sentence",
                "Make two of it.",
                "warning",
            )
