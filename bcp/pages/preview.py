"""A message as people will see it: phone frames, a chat, a page, a mail. One static page, without script or request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.pages.render import page
from bcp.pages.times import plural

NAMES = {"sms": "Text message", "chat": "Chat", "voice": "Call, read aloud", "page": "Status page", "email": "E-mail"}
WORDS_A_SECOND = 2.3
"""How fast a text is read aloud."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One text. ``offender``: the first character that does not fit the alphabet of text messages (GSM 03.38)."""

    form: str
    language: str
    subject: str
    body: str
    segments: int = 0
    encoding: str = ""
    offender: str = ""

    @property
    def name(self) -> str:
        """What the form is called."""
        return NAMES.get(self.form, self.form)

    @property
    def size(self) -> str:
        """How long it is, in what its channel counts; empty where that does not matter."""
        if self.form == "sms":
            return f"{plural(self.segments, 'segment')}, {len(self.body)} characters, {self.encoding}"
        if self.form == "voice":
            return f"about {round(len(self.body.split()) / WORDS_A_SECOND)} s"
        return ""


def preview_page(title: str, subtitle: str, texts: Sequence[Shown]) -> str:
    """The page: languages one after the other, forms side by side."""
    languages = list(dict.fromkeys(t.language for t in texts))
    groups = [(x, [t for t in texts if t.language == x]) for x in languages]
    return page("preview.html", {"title": title, "subtitle": subtitle, "groups": groups})
