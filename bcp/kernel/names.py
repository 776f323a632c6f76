"""Domain and host names: one absolute, lower-case A-label form inside, whatever was typed outside."""

from __future__ import annotations

import re
from collections.abc import Collection

_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
_LITERAL = re.compile(r"^\[?\d{1,3}(\.\d{1,3}){3}\]?$")


def domain_name(text: str) -> str:
    """``Corp.Example.`` becomes ``corp.example``: lower case, A-labels, no final dot.

    Raises:
        ValueError: when it is no domain name. U-labels are refused, because libraries differ in how they map them
            (``faß.test`` is two different names in IDNA 2003 and 2008).
    """
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        raise ValueError(f"{text!r} is not in ASCII; write the A-label form, {_a_label(name)}")
    if not name or len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")):
        raise ValueError(f"{text!r} is not a domain name")
    if "." not in name:
        raise ValueError(f"{text!r} has only one label; write the whole name")
    return name


def meant(text: str, known: Collection[str]) -> str:
    """The domain of ``known`` that is meant: with capitals or a final dot it is the same name. Else the text itself.

    Raises:
        ValueError: it is not in ASCII; the message names the A-label form.
    """
    try:
        name = domain_name(text)
    except ValueError:
        if not text.isascii():
            raise
        return text
    return name if name in known else text


def _a_label(name: str) -> str:
    try:
        import idna

        return "for example " + idna.encode(name).decode()
    except Exception:  # only a suggestion
        return "xn--..."


def host_name(text: str) -> str:
    """An MX target: absolute, with its final dot.

    Raises:
        ValueError: for address literals (RFC 5321 section 5.1 wants names), the null MX and anything that is no host
            name.
    """
    if text.strip() in {".", ""}:
        raise ValueError("a null MX tells the world that this domain takes no mail (RFC 7505); it is never published")
    if _LITERAL.match(text.strip().rstrip(".")) or ":" in text:
        raise ValueError(f"{text!r} is an address; an MX needs a host name")
    return domain_name(text) + "."
