"""Checks of one answer each: text in, value out, ``ValueError`` with what is wrong and what would be right. Pure."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import idna

from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.names import domain_name, host_name
from bcp.ready.fate import MAIL, at_microsoft, page_hosts

Answers = Mapping[str, Any]
Check = Callable[[str, Answers], Any]

_REFERENCE = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|keyring:[^/]+/.+)$")
_CREDENTIAL = re.compile(r"(token|secret|passw\w*|key)$", re.IGNORECASE)
_ADDRESS = re.compile(r"^[^@\s,;<>]+@[^@\s,;<>]+$")


def words(text: str) -> list[str]:
    """What stands between commas, semicolons or blanks."""
    return [w for w in re.split(r"[,;\s]+", text) if w]


def text(given: str, answers: Answers) -> str:
    """Anything on one line."""
    if any(ord(c) < 32 for c in given):
        raise ValueError("it holds a control character; write it on one line")
    return given


def domains(given: str, answers: Answers) -> list[str]:
    """Mail domains, the most important first, each once."""
    found = list(dict.fromkeys(domain_name(w) for w in words(given)))
    if not found:
        raise ValueError("at least one, such as corp.example")
    return found


def zone(given: str, answers: Answers) -> str:
    """An IANA time zone."""
    from bcp.contacts.quiet import zone_of

    try:
        zone_of(given)
    except ValueError as error:
        wanted = given.casefold().replace(" ", "_")
        like = sorted(z for z in zoneinfo.available_timezones() if z.casefold().rpartition("/")[2] == wanted)
        raise ValueError(f"{error}; {like[0]}?" if like else f"{error}; such as Europe/Berlin") from None
    return given


def phone(given: str, answers: Answers) -> str:
    """A number in E.164; empty stays empty."""
    from bcp.contacts.phone import check_phone

    number, why = check_phone(given)
    if why:
        raise ValueError(f"the number {given!r} {why}; write it with its country code, such as +49 170 ...")
    return number


def host(given: str, answers: Answers) -> str:
    """A host's name outside of Microsoft, without its final dot; empty stays empty."""
    if not given:
        return ""
    found = host_name(given).rstrip(".")
    if found in answers.get("domains", ()):
        raise ValueError(f"{found} is the mail domain itself; the name of a host is wanted")
    if any(found == m or found.endswith(f".{m}") for m in MAIL):
        raise ValueError(f"{found} is at Microsoft and falls with Exchange Online; a host elsewhere is wanted")
    return found


def endpoint(given: str, answers: Answers) -> str:
    """An address, with a port where it is another than the usual."""
    parse_endpoint(given)
    return given.strip()


def endpoints(given: str, answers: Answers) -> list[str]:
    """Several of them."""
    return [endpoint(w, answers) for w in words(given)]


def key_name(given: str, answers: Answers) -> str:
    """The name of a TSIG key."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", given):
        raise ValueError("the name of a key has letters, digits, dots and dashes only")
    return given


def uuid(given: str, answers: Answers) -> str:
    """An id as Azure has them."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", given):
        raise ValueError("an id such as 00000000-0000-0000-0000-000000000000 is wanted")
    return given.lower()


def group(given: str, answers: Answers) -> str:
    """The name of an Azure resource group; empty stays empty."""
    if not re.fullmatch(r"[\w.()-]{0,90}", given):
        raise ValueError("the name of a resource group has letters, digits, dots, dashes and brackets only")
    return given


def project(given: str, answers: Answers) -> str:
    """The id of a Google Cloud project."""
    if not re.fullmatch(r"[a-z][a-z0-9.:-]{1,62}", given):
        raise ValueError("the id of a project has small letters, digits and dashes only, such as mail-dns")
    return given


def secret(given: str, answers: Answers) -> str:
    """A reference to a secret. Whatever else is given is not repeated: it may be the secret."""
    if not _REFERENCE.match(given):
        raise ValueError(
            "this must say where the secret is, not the secret: env:NAME, file:PATH or keyring:SERVICE/USER. "
            "It was not kept"
        )
    return given


def class_path(given: str, answers: Answers) -> str:
    """A provider's class with its package, as an octoDNS file names it."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", given):
        raise ValueError("class: of your octoDNS file is wanted, such as octodns_powerdns.PowerDnsProvider")
    return given


def arguments(given: str, answers: Answers) -> dict[str, str]:
    """``name=value`` pairs of a provider's section. What looks like a secret must be a reference, and is not
    repeated."""
    out: dict[str, str] = {}
    for word in words(given):
        name, given_, value = word.partition("=")
        if not given_ or not name.isidentifier() or not value:
            raise ValueError("pairs are wanted, such as: host=192.0.2.53 api_key=env:POWERDNS_API_KEY")
        if _CREDENTIAL.search(name):
            secret(value, answers)
        out[name] = value
    return out


def mailbox(given: str, answers: Answers) -> str:
    """An address in one of our domains; empty stays empty."""
    if given and (not _ADDRESS.match(given) or _domain_of(given) not in answers.get("domains", ())):
        ours = ", ".join(answers.get("domains", ()))
        raise ValueError(f"{given!r} is no address in {ours}")
    return f"{given.rpartition('@')[0]}@{_domain_of(given)}" if given else ""


def mailboxes(given: str, answers: Answers) -> list[str]:
    """Several of them."""
    return [mailbox(w, answers) for w in words(given)]


def sender(given: str, answers: Answers) -> str:
    """An address to write from."""
    if not _ADDRESS.match(given):
        raise ValueError(f"{given!r} is no e-mail address")
    return given


def slack_channel(given: str, answers: Answers) -> str:
    """Slack's id of a channel."""
    if not re.fullmatch(r"[CGD][A-Z0-9]{2,}", given):
        raise ValueError("Slack's id of the channel is wanted (in Slack: its name, About, at the end), such as C0...")
    return given


def url(given: str, answers: Answers) -> str:
    """An http(s) address; empty stays empty."""
    if given and not re.fullmatch(r"https?://[^\s/]+\S*", given):
        raise ValueError("an address that begins with https:// is wanted")
    return given.rstrip("/")


def page(given: str, answers: Answers) -> str:
    """The address of a page outside of Microsoft; empty stays empty."""
    found = url(given, answers)
    if zone := next((z for h in page_hosts([found]) if (z := at_microsoft(h))), ""):
        raise ValueError(f"{zone} is at Microsoft and may fall with Exchange Online; a page elsewhere is wanted")
    return found


def port(given: str, answers: Answers) -> int:
    """A TCP port."""
    if not given.isascii() or not given.isdigit() or not 0 < int(given) < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return int(given)


MEANT = {
    "sms": "twilio", "text": "twilio", "mail": "email", "e-mail": "email", "page": "status-page", "bind": "rfc2136",
    "knot": "rfc2136", "powerdns": "rfc2136", "aws": "route53", "entra": "azure", "gcp": "google", "none": "manual",
}  # fmt: skip
"""What people call a choice that has another name here."""


def one_of(*choices: str) -> Check:
    """One of these words, or what people call it (``MEANT``)."""

    def check(given: str, answers: Answers) -> str:
        word = given.strip().lower()
        word = word if word in choices else MEANT.get(word, word)
        if word not in choices:
            raise ValueError(f"one of {', '.join(choices)} is wanted, not {given!r}")
        return word

    return check


def one_or_more(*choices: str) -> Check:
    """One of these words, or several of them with commas; each once."""
    some = some_of(*choices)

    def check(given: str, answers: Answers) -> str:
        return ", ".join(some(given, answers))

    return check


def some_of(*choices: str) -> Check:
    """Some of these words, each once, at least one."""

    def check(given: str, answers: Answers) -> list[str]:
        found = [one_of(*choices)(w, answers) for w in words(given)]
        if not found:
            raise ValueError(f"at least one of {', '.join(choices)}")
        return list(dict.fromkeys(found))

    return check


def person(given: str, answers: Answers) -> dict[str, str]:
    """``Name, mobile, private e-mail``: in this order, what is missing left out."""
    parts = [p.strip() for p in given.split(",")]
    name, rest = text(parts[0], answers), [p for p in parts[1:] if p]
    if not name or "@" in name or name.startswith("+"):
        raise ValueError("the name comes first: Name, mobile number, private e-mail")
    if re.search(r"\d{4}", name):
        raise ValueError(f"a comma is missing between name and number: {name!r}")
    found = {"name": name, "phone": "", "email": ""}
    for part in rest:
        where = "email" if "@" in part else "phone"
        if found[where]:
            raise ValueError(f"one {where} for a person; a comma stands between people's parts only")
        try:
            found[where] = _private(part, answers) if where == "email" else phone(part, answers)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


def _private(given: str, answers: Answers) -> str:
    if not _ADDRESS.match(given):
        raise ValueError(f"{given!r} is no e-mail address")
    if _domain_of(given) in answers.get("domains", ()):
        raise ValueError(f"{given} is a mailbox that is down when Exchange is: a private address is wanted, or none")
    return given


def _domain_of(address: str) -> str:
    """As ``domains`` has it: ``müller.example`` is ``xn--mller-kva.example``."""
    domain = address.rpartition("@")[2].lower().removesuffix(".")
    try:
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return domain


def twice(people: Sequence[Mapping[str, str]]) -> str:
    """Empty, or who has a way that is somebody else's already: one human would be two who say yes."""
    owners: dict[str, str] = {}
    for one in people:
        for way in (one["phone"], one["email"].lower()):
            if way and way in owners:
                whose = f"{way} is how {owners[way]} is reached already"
                return f"{one['name']}: {whose}; give each person a way of their own, or leave it out"
            owners[way] = one["name"]
    return ""
