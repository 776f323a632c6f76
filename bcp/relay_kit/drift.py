"""What differs between a living relay and its kit, by file and setting. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bcp.relay_kit.files import KEYS, SSH_KEYS, KitFile

MOVING = {
    "defer_transports": {"(empty)", "exchange"},
    "unknown_relay_recipient_reject_code": {"450", "550"},
    "exchange: soft_bounce": {"yes", "no"},
}
"""Settings that ``bcp-relay`` moves while the relay works, and to what: which it is now is its state, and no
difference; another value is."""
YOURS = frozenset({"etc/postfix/bcp_postscreen.cidr"})
"""Files that are there to be filled by whoever keeps the relay."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference."""

    file: str
    setting: str
    """Name of the setting, or ``line N``; empty: the file as a whole."""
    wanted: str
    found: str
    """Empty: it is not there."""

    def __str__(self) -> str:
        where = f"/{self.file}" + (f": {self.setting}" if self.setting else "")
        return f"{where}: is {self.found or 'missing'}, should be {self.wanted or 'absent'}"


def drifts(kit: Sequence[KitFile], there: Mapping[str, str]) -> tuple[Drift, ...]:
    """Compare every file that lands on the machine with what is there (by path without the first slash)."""
    found: list[Drift] = []
    for file in kit:
        if file.path == KEYS and there.get(SSH_KEYS, file.text) != file.text:  # an older relay does not tell of it
            found += _in_lines(SSH_KEYS, file.text, there[SSH_KEYS])
        if not file.target or file.target in YOURS:
            continue
        text = there.get(file.target)
        if text is None:
            found.append(Drift(file.target, "", "there", ""))
        elif text != file.text:
            found += _in_file(file.target, file.text, text)
    return tuple(found)


def foreign(kit: Sequence[KitFile], seen: Iterable[str]) -> tuple[Drift, ...]:
    """What is not the kit's, and changes what its files do: the relay tells of it beside them (``bcp-relay files``)."""
    ours = {f.target for f in kit} | {SSH_KEYS}
    return tuple(Drift(path, "", "", "there") for path in sorted(set(seen) - ours))


def open_folders(folders: Mapping[str, tuple[int, int]]) -> tuple[Drift, ...]:
    """Folders in which others may put a file of theirs in the place of the kit's. ``folders``: mode and owner (uid)."""
    ours = {path: rights for path, rights in folders.items() if not path.startswith("var/")}  # that is an account's
    owner = Counter(uid for _, uid in ours.values()).most_common(1)[0][0] if ours else 0
    found = []
    for path, (mode, uid) in sorted(folders.items()):
        wanted = mode & ~0o002, owner if path in ours else uid
        if (mode, uid) != wanted:
            texts = (f"{m:04o} of uid {u}" for m, u in (wanted, (mode, uid)))
            found.append(Drift(path, "rights", *texts))
    return tuple(found)


def loose(kit: Sequence[KitFile], rights: Mapping[str, tuple[int, int]]) -> tuple[Drift, ...]:
    """Files that others may write or read, or that belong to somebody else, than the kit says. ``rights``: mode and
    owner (uid) by path. Whoever owns most of them is meant to: root, and in a copy whoever made it."""
    ours = [f for f in kit if f.target in rights and f.target not in YOURS]
    owner = Counter(rights[f.target][1] for f in ours).most_common(1)[0][0] if ours else 0
    found = []
    for file in ours:
        mode, uid = rights[file.target]
        if (mode, uid) != (file.mode, owner):
            wanted, there = (f"{m:04o} of uid {u}" for m, u in ((file.mode, owner), (mode, uid)))
            found.append(Drift(file.target, "rights", wanted, there))
    return tuple(found)


def _in_file(path: str, wanted: str, found: str) -> list[Drift]:
    if path.endswith("main.cf"):
        return _in_settings(path, settings_of(wanted), settings_of(found))
    if path.endswith("master.cf"):
        return _in_settings(path, services_of(wanted), services_of(found))
    return _in_lines(path, wanted, found)


def _in_settings(path: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[Drift]:
    names = [*wanted, *(n for n in found if n not in wanted)]
    return [
        Drift(path, n, wanted.get(n, ""), found.get(n, ""))
        for n in names
        if wanted.get(n) != found.get(n) and found.get(n) not in MOVING.get(n, ())
    ]


def _in_lines(path: str, wanted: str, found: str) -> list[Drift]:
    """The first line that differs, comments and white space apart: the rest follows from it."""
    ours, theirs = _lines(wanted), _lines(found)
    for i in range(max(len(ours), len(theirs))):
        a, b = (x[i] if i < len(x) else (0, "") for x in (ours, theirs))
        if a[1] != b[1]:
            return [Drift(path, f"line {b[0] or len(found.splitlines()) + 1}", _short(a[1]), _short(b[1]))]
    return []


def _lines(text: str) -> list[tuple[int, str]]:
    rows = ((n, " ".join(line.split())) for n, line in enumerate(text.splitlines(), 1))
    return [(n, line) for n, line in rows if line and not line.startswith(("#", ";"))]


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def logical_lines(text: str) -> list[str]:
    """Lines of Postfix's files: a line that begins with white space goes on with the one before (postconf(5))."""
    out: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and out:
            out[-1] += " " + line.strip()
        else:
            out.append(line.strip())
    return out


def settings_of(text: str) -> dict[str, str]:
    """``main.cf``: the last value of each name counts."""
    pairs = (line.partition("=") for line in logical_lines(text) if "=" in line)
    return {name.strip(): " ".join(value.split()) or "(empty)" for name, _, value in pairs}


_OPTION = re.compile(r"-o\s+([A-Za-z0-9_]+)\s*=\s*(\S*)")


def services_of(text: str) -> dict[str, str]:
    """``master.cf``: each service, and each of its ``-o`` options by ``service: name``."""
    found: dict[str, str] = {}
    for line in logical_lines(text):
        words = line.split()
        if len(words) < 8:
            found[words[0]] = line
            continue
        rest = " ".join(words[7:])
        name = words[0] if f"{words[0]}" not in found else f"{words[0]}/{words[1]}"
        found[name] = " ".join([*words[1:7], _OPTION.sub("", rest).strip()]).strip()
        for option, value in _OPTION.findall(rest):
            found[f"{words[0]}: {option}"] = value
    return found
