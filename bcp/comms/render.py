"""Templates into texts: strict, sandboxed, escaped where HTML, counted after rendering, marked in drills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError

from bcp.comms.pack import Template
from bcp.comms.segments import count, simplify
from bcp.comms.speech import speak
from bcp.contracts.channel import Message
from bcp.kernel.errors import Invalid
from bcp.kernel.sandbox import Sandbox
from bcp.pages.status import entry_body

_plain = Sandbox(autoescape=False, trim_blocks=True, lstrip_blocks=True)
_html = Sandbox(autoescape=True, trim_blocks=True, lstrip_blocks=True)
MARKS = {"en": "EXERCISE", "de": "ÜBUNG"}
"""How a text of an exercise begins and ends. Another language says it in English."""
MAX_SMS = 1_600
"""Twilio's limit for a body; also the longest concatenated SMS that any of our channels takes."""


def render(
    template: Template, form: str, language: str, default_language: str, variables: Mapping[str, Any], *, drill: bool
) -> Message:
    """One finished message.

    Raises:
        Invalid: when a value is missing (with the place in the message file), or the result is too long or empty.
    """
    used, subject, body = template.text(form, language, default_language)
    said = _phrases(template, used, default_language, variables)
    variables = {**variables, **said, **_since(variables, used), **_signed(variables, used)}
    text = _fill(template, form, used, body, variables).strip()
    title = _fill(template, form, used, subject, variables).strip() if subject else ""
    if not text:
        raise _bad(template, form, used, "renders to nothing")
    if any(c in title for c in "\r\n"):
        raise _bad(template, form, used, "has a line break in its subject")
    mark = MARKS.get(used[:2], MARKS["en"])
    if drill:
        text, title = f"{mark}. {text} {mark}", (f"{mark}: {title}" if title else "")
    markup = ""
    if form == "page":
        markup = entry_body(_html.from_string(body).render(**variables), drill=drill, mark=mark)
    if form == "voice":
        text = speak(text, used)
    if form != "sms":
        named = template.file.titles.get(used, "")
        headed = f"{mark}: {named}" if named and drill else named
        return Message(template.name, form, used, title, text, markup, phase=template.file.phase, title=headed)
    text = " ".join(simplify(text).split())
    size = count(text)
    if len(text) > MAX_SMS:
        raise _bad(template, form, used, f"has {len(text)} characters; a text message has at most {MAX_SMS}")
    return Message(template.name, form, used, "", text, "", size.segments, size.encoding)


def _phrases(template: Template, language: str, default: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """``say``: what is said of this class of outage in this language.
    Absent without a class, and then an error where it is used."""
    table = template.lexicon.get(str(variables.get("outage_class", "")), {})
    for choice in (language, language[:2], default):
        if choice in table:
            return {"say": dict(table[choice])}
    return {}


SIGNATURES = {"en": "IT service desk", "de": "IT-Servicedesk"}
"""The signature of an organisation that names none of its own, by language."""


def _signed(variables: Mapping[str, Any], language: str) -> dict[str, Any]:
    """``org`` for this language: a signature that is ours is said in it."""
    org = variables.get("org")
    ours = isinstance(org, Mapping) and org.get("signature") == SIGNATURES["en"]
    return {"org": {**org, "signature": SIGNATURES.get(language[:2], SIGNATURES["en"])}} if ours and org else {}


_AT_LEAST = {"en": "{} or earlier", "de": "{} oder früher"}
"""How a text says that an outage began then at the latest. Another language says it in English."""


def _since(variables: Mapping[str, Any], language: str) -> dict[str, Any]:
    """``since`` for this language: only our own look of the moment knows it, so it may have begun earlier."""
    if variables.get("since_exact", True) or "since" not in variables:
        return {}
    return {"since": _AT_LEAST.get(language[:2], _AT_LEAST["en"]).format(variables["since"])}


def _fill(template: Template, form: str, language: str, text: str, variables: Mapping[str, Any]) -> str:
    try:
        return str(_plain.from_string(text).render(**variables))
    except (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError, RecursionError, KeyError) as error:
        message = getattr(error, "message", None) or str(error)
        raise _bad(template, form, language, f"cannot be rendered: {message}") from error


def _bad(template: Template, form: str, language: str, message: str) -> Invalid:
    problem = template.document.problem(
        (form, language),
        f"{template.name} ({form}, {language}) {message}",
        rule="message.render",
        hint="Give the value, or change the text.",
    )
    return Invalid.of([problem])
