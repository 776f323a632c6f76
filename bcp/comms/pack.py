"""Message files: one YAML per message, with a text for each form (sms, chat, email, page) and language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from bcp.contracts.plugin import Model
from bcp.kernel.document import Document, did_you_mean, explain, read
from bcp.kernel.errors import Invalid

FORMS = ("sms", "chat", "voice", "email", "page")
"""What channels carry. ``email`` is the long form."""


class Text(Model):
    """A text with a subject or title."""

    subject: str
    """Subject of the e-mail, title of the page entry."""
    body: str
    """The text."""


Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]{2})?$")]


class MessageFile(Model):
    """One message in all its forms."""

    version: Literal[1]
    """Version of this format."""
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    """The same as the file's name."""
    title: str
    """What it says, for lists; also the subject of an e-mail that is made of a chat text."""
    titles: dict[Language, str] = Field(default_factory=dict)
    """The title in other languages, for the subjects of e-mails and of push messages."""
    phase: Literal["investigating", "identified", "monitoring", "restored", "after", "update", "correction"]
    """Where in the incident it belongs."""
    audiences: list[str] = Field(default_factory=list)
    """For whom it is written; empty: for anybody."""
    claims: list[str] = Field(default_factory=list)
    """Facts it states. A step that makes each true must be verified before it goes out."""
    claims_by_class: dict[Literal["A", "B", "C", "D", "E", "F", "G", "H"], list[str]] = Field(default_factory=dict)
    """Facts that it states only for these classes of outage."""
    draft: bool = False
    """A draft for a person: it is rendered and never sent."""
    answers: dict[Annotated[str, StringConstraints(pattern=r"^[0-9]$")], str] = Field(default_factory=dict)
    """What people may answer: a digit, and what it means."""
    one_segment: bool = False
    """Promise that the SMS fits in one segment."""
    sms: dict[Language, str] = Field(default_factory=dict)
    """Texts for phones, by language."""
    chat: dict[Language, str] = Field(default_factory=dict)
    """Texts for chat channels, by language."""
    voice: dict[Language, str] = Field(default_factory=dict)
    """Texts that are read aloud, by language."""
    email: dict[Language, Text] = Field(default_factory=dict)
    """E-mails, the long form, by language."""
    page: dict[Language, Text] = Field(default_factory=dict)
    """Status page entries, by language."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message file, with positions."""

    file: MessageFile
    document: Document
    lexicon: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict, repr=False)
    """Phrases by class of outage and language; templates say ``{{ say.what }}``."""

    def claims(self, classes: Iterable[str]) -> tuple[str, ...]:
        """The facts it states in an outage of one of these classes; of all when there are none."""
        wanted = set(classes) or set(self.file.claims_by_class)
        extra = [c for k, v in self.file.claims_by_class.items() if k in wanted for c in v]
        return tuple(dict.fromkeys([*self.file.claims, *extra]))

    @property
    def name(self) -> str:
        """The message's name."""
        return self.file.name

    def forms(self) -> set[str]:
        """Which forms it has. What stands on a page or in a chat can go by e-mail, too."""
        written = {f for f in FORMS if getattr(self.file, f)}
        return written | {"email"} if written & {"page", "chat"} else written

    def text(self, form: str, language: str, default_language: str) -> tuple[str, str, str]:
        """Language used, subject and body; falls back to the default language, then to any."""
        table: Mapping[str, Any] = getattr(self.file, form)
        if form == "email" and not table:
            chat = {
                n: Text(subject=self.file.titles.get(n, self.file.title), body=_plain(t))
                for n, t in self.file.chat.items()
            }
            table = self.file.page or chat
        for choice in (language, language[:2], default_language, *sorted(table)):
            if choice in table:
                found = table[choice]
                return (choice, "", found) if isinstance(found, str) else (choice, found.subject, found.body)
        raise Invalid(f"the message {self.name!r} has no {form} form", hint=f"Add {form}: to {self.document.file}.")


def _plain(chat: str) -> str:
    """A chat's text without its marks for bold and code."""
    return chat.replace("*", "").replace("`", "")


class Pack:
    """All messages, shipped ones first, overridden by the organisation's own of the same name."""

    def __init__(self, templates: Iterable[Template]) -> None:
        self._by_name = {t.name: t for t in templates}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._by_name)

    def get(self, name: str) -> Template:
        """One message.

        Raises:
            Invalid: when there is none of this name.
        """
        if name not in self._by_name:
            raise Invalid(f"there is no message {name!r}", hint=did_you_mean(name, self._by_name))
        return self._by_name[name]


def load_pack(folders: Iterable[Path]) -> Pack:
    """Read all ``*.yaml`` in the folders; later folders override earlier ones. Raises ``Invalid``."""
    templates: list[Template] = []
    lexicon: dict[str, dict[str, dict[str, str]]] = {}
    for folder in folders:
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.yaml")):
            if path.name == LEXICON:
                _merge(lexicon, load_lexicon(path))
            else:
                templates.append(load_message(path))
    return Pack(replace(t, lexicon=lexicon) for t in templates)


LEXICON = "_lexicon.yaml"
"""Phrases by class of outage and language. One of an organisation's own overrides single phrases."""


class LexiconFile(Model):
    """What is said of each class of outage, in each language."""

    version: Literal[1]
    """Version of this format."""
    classes: dict[Literal["A", "B", "C", "D", "E", "F", "G", "H"], dict[Language, dict[str, str]]]
    """Phrases by class, language and name."""


def load_lexicon(path: Path) -> LexiconFile:
    """Read one. Raises ``Invalid`` with positions."""
    document = read(path)
    try:
        return LexiconFile.model_validate(document.data)
    except ValidationError as error:
        raise Invalid.of(explain(document, error, (), LexiconFile)) from error


def _merge(into: dict[str, dict[str, dict[str, str]]], file: LexiconFile) -> None:
    for letter, languages in file.classes.items():
        for language, phrases in languages.items():
            into.setdefault(letter, {}).setdefault(language, {}).update(phrases)


def load_message(path: Path) -> Template:
    """Read one message file. Raises ``Invalid`` with positions."""
    document = read(path)
    if not isinstance(document.data, dict):
        raise Invalid.of(
            [document.problem((), "a message is a mapping: version, name, title, phase, sms ...", rule="message.shape")]
        )
    try:
        found = MessageFile.model_validate(document.data)
    except ValidationError as error:
        raise Invalid.of(explain(document, error, (), MessageFile)) from error
    if found.name != path.stem:
        raise Invalid.of(
            [
                document.problem(
                    ("name",),
                    f"the file is called {path.stem}, the message {found.name}",
                    rule="message.name",
                    hint="Make them equal.",
                )
            ]
        )
    return Template(found, document)
