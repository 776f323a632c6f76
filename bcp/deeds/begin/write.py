"""Answers into files: ``bcp.yaml``, ``contacts.csv`` and an approval code for each person. Pure; chance is given.

Only what was answered is written. There is no placeholder that could pass for real: what is missing is missing, and a
comment says so.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bcp.contacts.csv_file import protect
from bcp.contracts.mx import MxSet
from bcp.deeds.begin.write_dns import back_end_line, dns_lines
from bcp.deeds.begin.write_dns import quoted as _q
from bcp.kernel.text import one_line

UNMOVED = "# No dns: and no relays:. MX is never moved; outages are seen and people are told."
RELAY = "mx-backup"
"""The name by which the shipped playbooks know the relay."""
Files = dict[str, str]
"""Texts by path, relative to the folder."""


def files(
    answers: Mapping[str, Any],
    mx: Mapping[str, MxSet | None],
    login: str,
    code: Callable[[], str],
    notes: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Files:
    """All files. ``mx``: what DNS serves now; ``login``: of whoever answered; ``code``: a new approval code;
    ``notes``: by domain, what else DNS tells, for a comment there."""
    people = _with_ids(answers.get("people") or [{"name": login, "phone": "", "email": ""}])
    found = {
        "bcp.yaml": _config(answers, mx, notes, [p["id"] for p in people]),
        "contacts.csv": _contacts(people, login),
    }
    found.update({f"secrets/code-{p['id']}": code() + "\n" for p in people})
    return found


def _config(
    a: Mapping[str, Any], mx: Mapping[str, MxSet | None], notes: Mapping[str, Sequence[str]], people: Sequence[str]
) -> str:
    moves = bool(a.get("relay"))
    parts = [
        "# Configuration of bcp. Secrets are references (env:NAME, file:PATH, keyring:SERVICE/USER), never values.",
        "# Check it: bcp config check    See what works today: bcp doctor",
        "version: 1",
        *_organisation(a),
        "state: .bcp                   # runs, plans, reports; keep it on a local disk",
        "domains:",
        *(
            line
            for d in a["domains"]
            for line in _domain(d, mx.get(d), notes.get(d, ()), back_end_line(a, d) if moves else "")
        ),
        *(dns_lines(a) if moves else [UNMOVED]),
        *(_relay(a) if moves else []),
        "channels:",
        *(line for c in a["channels"] for line in _CHANNELS[c](a)),
        "contacts:",
        "  file: contacts.csv",
        "audiences:",
        "  employees: {groups: [staff]}",
        "  oncall: {groups: [oncall]}",
        "approvals:",
        "  codes:                      # hand each person theirs; bcp approve --as ID asks for it",
        *(f"    {p}: file:secrets/code-{p}" for p in people),
        *_canary(a),
        *([] if moves else _talking()),
    ]
    return "\n".join(parts) + "\n"


def _organisation(a: Mapping[str, Any]) -> list[str]:
    out = ["organisation:", f"  name: {_q(a['name'])}", f"  timezone: {a.get('timezone') or 'UTC'}"]
    if a.get("hotline"):
        out.append(f"  hotline: {_q(a['hotline'])}        # printed in the phone book before the day")
    if a.get("page_url"):
        out.append(f"  status_page: {_q(a['page_url'])}")
    return out


def _domain(name: str, mx: MxSet | None, notes: Sequence[str], dns: str) -> list[str]:
    out = [f"  - name: {name}", *([dns] if dns else [])]
    out += [f"    # {line}" for note in notes for line in _folded(note)]
    if mx is None or not mx.hosts or mx.null:
        return [
            *out,
            "    primary: []               # could not be read: take it from Graph serviceConfigurationRecords:",
            "                              # [{host: example-com.mail.protection.outlook.com, preference: 0}]",
        ]
    out.append("    primary:")
    out += [f"      - {{host: {h.host.rstrip('.')}, preference: {h.preference}}}" for h in mx.hosts]
    return [*out, f"    primary_ttl: {max(1, min(mx.ttl_s, 86400))}"]


def _folded(note: str) -> list[str]:
    """What DNS told, as lines of a comment: it comes from outside, and must not end one."""
    return textwrap.wrap(one_line(note, 600), 100, break_long_words=True, break_on_hyphens=False)


def _relay(a: Mapping[str, Any]) -> list[str]:
    name = a["relay"]
    where = f", addresses: [{_q(a['relay_address'])}]" if a.get("relay_address") else ""
    out = ["relays:", f"  {RELAY}:", "    kind: smtp", f"    hosts: [{{host: {name}, preference: 10{where}}}]"]
    out += [f"    port: {a['smtp_port']}"] if a.get("smtp_port") else []
    comment = "so that every message can be accounted for"
    return [*out, f"    # queue: {{command: [ssh, {name}, postqueue, -j]}}   # {comment}"]


def _twilio(a: Mapping[str, Any]) -> list[str]:
    out = ["  sms:", "    kind: twilio-sms", f"    account_sid: {_q(a['twilio_account'])}"]
    out += [f"    auth_token: {_q(a['twilio_token'])}", f"    from: {_q(a['twilio_from'])}"]
    return [*out, *([f"    api_url: {_q(a['twilio_api'])}"] if a.get("twilio_api") else [])]


def _slack(a: Mapping[str, Any]) -> list[str]:
    out = ["  slack:", "    kind: slack", f"    token: {_q(a['slack_token'])}", f"    channel: {a['slack_channel']}"]
    return [*out, *([f"    api_url: {_q(a['slack_api'])}"] if a.get("slack_api") else [])]


def _teams(a: Mapping[str, Any]) -> list[str]:
    return [
        "  teams:                      # shares Microsoft's fate: an extra",
        "    kind: teams",
        f"    url: {_q(a['teams_url'])}",
    ]


def _email(a: Mapping[str, Any]) -> list[str]:
    out = ["  email:", "    kind: email", f"    host: {_q(a['email_host'])}", f"    from: {_q(a['email_from'])}"]
    out += [f"    port: {a['email_port']}"] if a.get("email_port") else []
    return [*out, f"    avoid_domains: {json.dumps(a['domains'])}   # those mailboxes are what is down"]


def _page(a: Mapping[str, Any]) -> list[str]:
    out = ["  status-page:", "    kind: status-page", f"    folder: {_q(a['page_folder'])}   # serve it from elsewhere"]
    out += [f"    url: {_q(a['page_url'])}"] if a.get("page_url") else []
    return [*out, f"    timezone: {a.get('timezone') or 'UTC'}"]


_CHANNELS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "twilio": _twilio,
    "slack": _slack,
    "teams": _teams,
    "email": _email,
    "status-page": _page,
}


def _canary(a: Mapping[str, Any]) -> list[str]:
    if not a.get("canary"):
        return [
            "# canary: {to: ...}           # a mailbox in Exchange that may get test mails: without one less is seen"
        ]
    out = ["canary:", f"  to: {_q(a['canary'])}"]
    if a.get("known"):
        out.append(f"  known: {json.dumps(a['known'])}")
    else:
        out.append("  # known: [...]               # with one mailbox alone, deleting it looks like an outage")
    out += [f"  port: {a['smtp_port']}"] if a.get("smtp_port") else []
    return [*out, *([f"  resolvers: {json.dumps(a['resolvers'])}"] if a.get("resolvers") else [])]


def _talking() -> list[str]:
    """Without a way to move MX an outage of inbound mail is told, and nothing else."""
    book = "exchange-tell-inbound"
    return ["serve:", f"  playbooks: {{B: {book}, E: {book}, F: {book}}}"]


def _contacts(people: Sequence[Mapping[str, str]], login: str) -> str:
    rows = ["id,name,email,phone,slack,language,groups,logins"]
    for n, p in enumerate(people):
        name = p["name"].replace('"', "'")
        cells = (p["id"], f'"{protect(name)}"', p["email"], p["phone"], "", "", "staff;oncall", "" if n else login)
        rows.append(",".join(cells))
    return "\n".join(rows) + "\n"


def _with_ids(people: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Each with an id made from the first name; of two with one name the second gets a number."""
    out: list[dict[str, str]] = []
    for p in people:
        plain = unicodedata.normalize("NFKD", p["name"].split()[0].casefold()).encode("ascii", "ignore").decode()
        base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "person"
        taken, ident, n = {o["id"] for o in out}, base, 2
        while ident in taken:
            ident, n = f"{base}-{n}", n + 1
        out.append({"id": ident, **p})
    return out
