"""What Postfix's lines mean, as typed events. Pure.

The lines are those of Postfix 2.x to 3.x as its sources write them: smtpd(8), cleanup(8), qmgr(8), the delivery agents
(all by ``log_adhoc``), bounce(8), pickup(8) and postsuper(1).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bcp.kit.mail_log import Line
from bcp.relay.said import (
    Born,
    Corrupt,
    Deleted,
    Discarded,
    Encrypted,
    Event,
    GivenUp,
    Gone,
    Held,
    Hung,
    Named,
    Notice,
    PickedUp,
    Queued,
    Redirected,
    Released,
    Risked,
    RuleAhead,
    Tried,
    TurnedAway,
)

_ID = re.compile(r"(?P<id>[0-9A-F]{5,}|(?=[A-Za-z]*\d)[0-9A-Za-z]{6,25}): (?P<said>.*)", re.DOTALL)
_ADDRESS = r'<((?:"(?:[^"\\]|\\.)*"|[^">])*)>'
_TO = re.compile(
    rf"to={_ADDRESS}(?:, orig_to={_ADDRESS})?(?P<between>(?:, [a-z_]+=[^,]*)*?), status=(?P<status>[A-Za-z-]+)"
    r"(?: \((?P<answer>.*))?$",
    re.DOTALL,
)
_VIA = re.compile(r", relay=([^,]*)")
_FROM = re.compile(rf"from={_ADDRESS}, size=(\d+), nrcpt=(\d+) \(")
# Addresses with half a quote, or with ">" in them: Postfix before 3.5 writes them as they are inside
# (info_log_address_format).
_TO_RAW = re.compile(_TO.pattern.replace(_ADDRESS, "<(.*?)>"), re.DOTALL)
_FROM_RAW = re.compile(_FROM.pattern.replace(_ADDRESS, "<(.*?)>"))
_FROM_WHOLE = re.compile(rf"from={_ADDRESS}, (?:size=\d+, nrcpt=\d+ \(queue \w+\)|status=[\w-]+, returned to sender)")
_EXPIRED = re.compile(rf"from={_ADDRESS}, status=(?:force-)?expired\b")
_CLIENT = re.compile(r"client=([^,\s]+)(?:.*?\borig_queue_id=([0-9A-Za-z]{5,25}))?")
_PICKUP = re.compile(rf"uid=\d+ from={_ADDRESS}(?: orig_id=([0-9A-Za-z]{{5,25}}))?")
_NOTICE = re.compile(
    r"(sender|postmaster) (non-delivery|delay|delivery status|success) notification: ([0-9A-Za-z]{5,25})"
)
_RULE = re.compile(r"(?:milter-)?(hold|discard|reject|redirect): ")
_PARTIES = re.compile(rf".*; from={_ADDRESS}(?: to={_ADDRESS})? proto=", re.DOTALL)
_TLS = re.compile(r"\w+ TLS connection (?:established|reused) from \S+?: (\S+)")
_COUNTS = re.compile(r"\b(rcpt|data|bdat)=(\d+)(/\d+)?")
_AS = re.compile(r"\b(?:forwarded|queued) as ([0-9A-Za-z]{5,25})\b")
QUEUE_MANAGERS = frozenset({"qmgr", "nqmgr", "oqmgr"})
"""qmgr(8), what it was called once, and the older one, oqmgr(8)."""
_SOFT = "SOFTBOUNCE"
"""Refused for good, and kept all the same (``soft_bounce``, bounce.c)."""
_TRIED = frozenset({"sent", "deferred", "bounced", _SOFT})
_PROBED = frozenset({"deliverable", "undeliverable", "undeliverable-but-not-cached"})
_OTHER = _PROBED | {"filtered", "expired"}
RISK = "message may be sent more than once"
"""What smtp(8) says when the connection broke while the next hop was to confirm (smtp_proto.c)."""
_BROKE = re.compile(r"(?:lost connection|conversation) with .*" + RISK, re.DOTALL)
_AHEAD = re.compile(r"NOQUEUE: (?:milter-)?(hold|discard|redirect): ")
_CORRUPT = re.compile(r'warning: saving corrupt file "([0-9A-Za-z]{5,25})" from queue ')
_HALF_ID = re.compile(r"[0-9A-Za-z]*\d[0-9A-Za-z]*:? ?")
_WORDS: dict[str, tuple[str, ...]] = {
    "qmgr": ("removed", "from=<", "skipped, still being delivered", "to=<"),
    "smtpd": ("client=",),
    "cleanup": ("message-id=",),
    "pickup": ("uid=",),
    "postsuper": ("removed", "placed on hold", "released from hold", "requeued"),
    "bounce": ("sender non-delivery notification: ", "sender delay notification: "),
    "smtp": ("to=<",),
    "lmtp": ("to=<",),
}
"""What these daemons say first of a message."""
_CLOSED = re.compile(r"\([^()]*\)|<[^<>]*>")
_FREE = re.compile(r"message-id=|warning:|\b(?:header|body) ")
_SAID = re.compile(r"said:|refused to talk to me:")
_OPEN = re.compile(r"[<(]")
LONG = 900
"""Some syslog daemons cut lines at 1,024 bytes (RFC 3164, section 4.1)."""
MOST = 500
"""Characters of an answer that are kept."""


def event_of(line: Line) -> tuple[str, Event] | None:
    """Which queue id a line speaks of, and what it says of it; ``None``: nothing that counts. The id is empty for what
    is about an SMTP session."""
    found = _ID.match(line.text)
    if found is None:
        return _without_id(line)
    said = found["said"]
    if RISK in said and _BROKE.match(said):
        return found["id"], Risked()
    event = _tried(said, line.daemon) if said.startswith("to=<") else _BY.get(line.daemon, _nothing)(said)
    return (found["id"], event) if event is not None else None


def _without_id(line: Line) -> tuple[str, Event] | None:
    """Lines that do not begin with a queue id."""
    if line.daemon in QUEUE_MANAGERS:
        found = _CORRUPT.match(line.text)
        return (found[1], Corrupt()) if found else None
    event = _session(line.text) if line.daemon == "smtpd" else None
    return ("", event) if event is not None else None


def probed(line: Line) -> str:
    """The queue id of which only was asked whether an address can be delivered to (verify(8), ``sendmail -bv``), which
    is no mail; empty: another line."""
    found = _ID.match(line.text) if "deliverable" in line.text else None
    parsed = _TO.match(found["said"]) if found else None
    return found["id"] if found and parsed and parsed["status"] in _PROBED else ""


def torn(line: Line) -> bool:
    """Is this a delivery whose outcome was cut off, or a line that ends within another?"""
    found = _ID.match(line.text)
    if found is None or not found["said"].startswith("to=<"):
        return False
    parsed = _TO.match(found["said"]) or _TO_RAW.match(found["said"])
    return parsed is None or parsed["status"] not in _TRIED | _OTHER


def cut_off(line: Line) -> bool:
    """Does this line end within a word, or before all of it is said?"""
    found = _ID.match(line.text)
    if found is None:
        return not line.text or bool(_HALF_ID.fullmatch(line.text))
    said = found["said"]
    if said.startswith("to=<"):
        return torn(line)
    manager = line.daemon in QUEUE_MANAGERS
    if any(w.startswith(said) and w != said for w in _WORDS.get("qmgr" if manager else line.daemon, ())):
        return True
    return manager and said.startswith("from=<") and _qmgr(said) is None


def runs_on(line: Line, at: int) -> bool:
    """Something that looks like a line begins ``at`` this place within the words of this one. Did this one end there
    without its own end? Else somebody outside wrote it into an address, a header or an answer."""
    found = _ID.match(line.text)
    said = found["said"] if found else line.text
    if said.startswith("to=<") and (parsed := _TO.match(said)):
        answer = parsed["answer"] or ")"
        return not answer.endswith(")") or answer.count(")") != answer.count("(") + 1
    if said.startswith("from=<") and line.daemon in QUEUE_MANAGERS:
        return not _FROM_WHOLE.fullmatch(said)
    if said.startswith("message-id="):
        return not (said.startswith("message-id=<") and said.endswith(">"))
    return not (_left_open(line.text[:at]) and said.endswith((")", ">")))


def _left_open(text: str) -> bool:
    """Does it end within an address, a header or an answer?"""
    left = _CLOSED.sub("", text)
    return bool(_FREE.search(left) or _OPEN.search(left) or _SAID.search(left))


def theirs(line: Line, at: int, size: int) -> bool:
    """What begins ``at`` this place may be written by somebody outside. A header is theirs to its end. Answers are
    closed by Postfix, and addresses, too, but for a writer that cuts long lines (``size``, of all in characters)."""
    left = _CLOSED.sub("", line.text[:at])
    if _SAID.search(left):
        return line.text.endswith(")") or size >= LONG
    return bool(_FREE.search(left)) or (size >= LONG and bool(_OPEN.search(left)))


def whole_without_end(event: Event) -> bool:
    """Does this mean the same, whatever was cut off behind it?"""
    return isinstance(event, Born | Queued | Tried | Gone | Deleted) and not getattr(event, "filtered_from", "")


def _tried(said: str, daemon: str) -> Event | None:
    found = _TO.match(said) or _TO_RAW.match(said)
    if found is None or found["status"] not in _TRIED:
        return None
    answer = (found["answer"] or "").removesuffix(")")[:MOST]
    via = _VIA.match(found["between"])
    status = "deferred" if found["status"] == _SOFT else found["status"]
    status = "discarded" if daemon == "discard" and status == "sent" else status
    again = _AS.search(answer) if status == "sent" else None
    return Tried(found[1], found[2] or "", via[1] if via else "", status, answer, again[1] if again else "")


def _qmgr(said: str) -> Event | None:
    if said == "removed":
        return Gone()
    if found := _FROM.match(said) or _FROM_RAW.match(said):
        return Queued(found[1], int(found[2][:15]), int(found[3][:9]))
    return GivenUp() if _EXPIRED.match(said) else None


def _smtpd(said: str) -> Event | None:
    if found := _CLIENT.match(said):
        return Born(found[1], found[2] or "")
    return _rule(said, whole=False)


def _cleanup(said: str) -> Event | None:
    if said.startswith("message-id="):
        return Named(said[11:].strip().removeprefix("<").removesuffix(">")[:MOST])
    return _rule(said, whole=True)


def _rule(said: str, *, whole: bool) -> Event | None:
    """What a rule did. ``whole``: said of the message; smtpd refuses single recipients, too."""
    found = _RULE.match(said)
    if found is None:
        return None
    parties = _PARTIES.match(said)
    sender, to = (parties[1], parties[2] or "") if parties else ("", "")
    if found[1] == "hold":
        return Held(to, sender)
    if found[1] == "discard":
        return Discarded(to)
    if found[1] == "redirect":
        return Redirected()
    return TurnedAway() if whole or "END-OF-MESSAGE" in said[:60] else None


def _pickup(said: str) -> Event | None:
    found = _PICKUP.match(said)
    return PickedUp(found[1], found[2] or "") if found else None


def _postsuper(said: str) -> Event | None:
    return _BY_HAND.get(said)


_BY_HAND: dict[str, Event] = {
    "removed": Deleted(),
    "placed on hold": Held(by_hand=True),
    "released from hold": Released(),
    "requeued": Released(),
}


def _notice(said: str) -> Event | None:
    found = _NOTICE.match(said)
    return Notice(found[3], found[2], found[1] == "sender") if found else None


def _session(text: str) -> Event | None:
    if ahead := _AHEAD.match(text):
        parties = _PARTIES.match(text)
        return RuleAhead(ahead[1], (parties[2] or "") if parties else "", parties[1] if parties else "")
    if text.startswith("disconnect from"):
        counts = {name: (int(ok[:9]), bool(all_)) for name, ok, all_ in _COUNTS.findall(text)}
        part = [counts[n] for n in ("data", "bdat") if n in counts]
        whole = not any(missed for _, missed in part)
        return Hung(sum(ok for ok, _ in part) if whole and part else None, counts.get("rcpt", (0, False))[0])
    found = _TLS.match(text)
    return Encrypted(found[1]) if found else None


def _nothing(said: str) -> Event | None:
    return None


_BY: dict[str, Callable[[str], Event | None]] = {
    **dict.fromkeys(QUEUE_MANAGERS, _qmgr),
    "smtpd": _smtpd,
    "qmqpd": _smtpd,
    "postscreen": _smtpd,
    "cleanup": _cleanup,
    "pickup": _pickup,
    "postsuper": _postsuper,
    "bounce": _notice,
}
