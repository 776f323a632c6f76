"""Message files: one YAML per message, with a text for each form (sms, chat, email, page) and language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError

from bcp.contracts.plugin import Model
from bcp.kernel.document import Document, did_you_mean, explain, read
from bcp.kernel.errors import Invalid

FORMS = ("sms", "chat", "email", "page")


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
    """What it says, for lists."""
    phase: Literal["investigating", "identified", "monitoring", "restored", "after", "update", "correction"]
    """Where in the incident it belongs."""
    audiences: list[str] = Field(default_factory=list)
    """For whom it is written; empty: for anybody."""
    claims: list[str] = Field(default_factory=list)
    """Facts it states. A step that makes each true must be verified before it goes out."""
    one_segment: bool = False
    """Promise that the SMS fits in one segment."""
    sms: dict[Language, str] = Field(default_factory=dict)
    """Texts for phones, by language."""
    chat: dict[Language, str] = Field(default_factory=dict)
    """Texts for chat channels, by language."""
    email: dict[Language, Text] = Field(default_factory=dict)
    """E-mails, by language."""
    page: dict[Language, Text] = Field(default_factory=dict)
    """Status page entries, by language."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message file, with positions."""

    file: MessageFile
    document: Document

    @property
    def name(self) -> str:
        """The message's name."""
        return self.file.name

    def forms(self) -> set[str]:
        """Which forms it has."""
        return {f for f in FORMS if getattr(self.file, f)}

    def text(self, form: str, language: str, default_language: str) -> tuple[str, str, str]:
        """Language used, subject and body; falls back to the default language, then to any."""
        table: Mapping[str, Any] = getattr(self.file, form)
        for choice in (language, language[:2], default_language, *sorted(table)):
            if choice in table:
                found = table[choice]
                return (choice, "", found) if isinstance(found, str) else (choice, found.subject, found.body)
        raise Invalid(f"the message {self.name!r} has no {form} form", hint=f"Add {form}: to {self.document.file}.")


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
    for folder in folders:
        if folder.is_dir():
            templates.extend(load_message(path) for path in sorted(folder.glob("*.yaml")))
    return Pack(templates)


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
