"""Secrets: written as references, held as a type that does not print, taken out of every output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid

_REFERENCE = re.compile(r"^(env|file|keyring):(.+)$")
HIDDEN = "********"
_known: dict[str, str] = {}


class Secret:
    """A reference such as ``env:TWILIO_TOKEN``. The value is read when asked for and never printed."""

    __slots__ = ("base", "reference")

    def __init__(self, reference: str, base: Path | None = None) -> None:
        self.reference = reference
        self.base = base

    def __repr__(self) -> str:
        return f"Secret({self.reference})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other.reference, other.base) == (self.reference, self.base)

    def __hash__(self) -> int:
        return hash((self.reference, self.base))

    def reveal(self) -> str:
        """The value itself. It is remembered, so that ``redact`` takes it out of whatever is printed.

        Raises:
            Invalid: when the reference points at nothing.
        """
        value = _read(self.reference, self.base)
        remember(value)
        return value

    @property
    def path(self) -> Path | None:
        """Its file; ``None``: it is in none."""
        kind, _, name = self.reference.partition(":")
        return _path(name, self.base) if kind == "file" else None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Accept a reference, refuse a literal (pydantic hook)."""
        from pydantic_core import core_schema  # the kernel must not load pydantic for `status`

        return core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(lambda s: s.reference)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """In the JSON Schema a secret is a string of one of three forms (pydantic hook)."""
        return {
            "type": "string",
            "pattern": _REFERENCE.pattern,
            "description": "A secret by reference: env:NAME, file:PATH or keyring:SERVICE/USER. Never the value.",
        }


def secrets_in(data: Any) -> list[Secret]:
    """Every secret in settings, however deep."""
    if isinstance(data, Secret):
        return [data]
    if isinstance(data, dict):
        return [s for v in data.values() for s in secrets_in(v)]
    if isinstance(data, (list, tuple)):
        return [s for v in data for s in secrets_in(v)]
    fields = getattr(type(data), "model_fields", None)
    return [s for name in fields for s in secrets_in(getattr(data, name))] if fields else []


def _validate(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not _REFERENCE.match(value):
        # The value itself may be a secret: it must not be part of the message.
        raise ValueError(
            "a secret is written as a reference: env:NAME, file:PATH or keyring:SERVICE/USER, never as the value"
        )
    return Secret(value)


def _read(reference: str, base: Path | None) -> str:
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name)  # noqa: TID251 - env: is a documented reference
        if not value:
            raise Invalid(
                f"the environment variable {name} is not set", hint=f"Set {name}, or change the reference env:{name}."
            )
        return value
    if kind == "file":
        path = _path(name, base)
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Invalid(f"cannot read the secret file {path}: {why}", hint="Create it with mode 0600.") from error
        if not value:
            raise Invalid(f"the secret file {path} is empty", hint="Put the secret on its first line.")
        return value
    return _from_keyring(name)


def _path(name: str, base: Path | None) -> Path:
    return (base / name) if base and not Path(name).is_absolute() else Path(name)


def _from_keyring(name: str) -> str:
    service, _, user = name.partition("/")
    try:
        import keyring  # an extra
    except ImportError as error:
        raise Invalid("keyring: references need the extra 'keyring'", hint="pip install 'bcp-mail[keyring]'") from error
    value = keyring.get_password(service, user)
    if not value:
        raise Invalid(f"the keyring holds nothing for {service}/{user}", hint=f"keyring set {service} {user}")
    return str(value)


def remember(value: str) -> None:
    """From now on take this value out of all output. Values under four characters are too common to hide."""
    if len(value) < 4:
        return
    from base64 import b64encode  # only where there is a secret
    from urllib.parse import quote

    for form in (value, _in_json(value), quote(value, safe=""), b64encode(value.encode()).decode()):
        _known[form] = HIDDEN


def _in_json(value: str) -> str:
    """As it stands between the quotes of a JSON string. Most secrets stand there as they are: no module for these."""
    if value.isascii() and value.isprintable() and not {'"', "\\"} & set(value):
        return value
    from json import dumps

    return dumps(value)[1:-1]


def redact(text: str) -> str:
    """The text without any secret that was revealed in this process."""
    return _without(text, _longest_first())


def redact_data(data: Any) -> Any:
    """The same for nested data."""
    return _data_without(data, _longest_first())


def _longest_first() -> list[str]:
    """One secret may be a part of another."""
    return sorted(_known, key=len, reverse=True)


def _without(text: str, secrets: Iterable[str]) -> str:
    for value in secrets:
        if value in text:
            text = text.replace(value, HIDDEN)
    return text


def _data_without(data: Any, secrets: Sequence[str]) -> Any:
    if isinstance(data, str):
        return _without(data, secrets)
    if isinstance(data, dict):
        return {_without(k, secrets) if isinstance(k, str) else k: _data_without(v, secrets) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [_data_without(v, secrets) for v in data]
    return data
