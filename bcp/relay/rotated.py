"""Where logrotate(8) puts what it rotates away, where that is not beside the log (``olddir``)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

CONFIGS = ("/etc/logrotate.conf", "/etc/logrotate.d")
MOST = 1 << 20
"""Bytes of one of its files that are read."""
_REMARK = re.compile(r"^\s*#.*$", re.MULTILINE)
_SCRIPT = re.compile(r"^\s*(?:pre|post|first|last)\w+\s*$.*?^\s*endscript\s*$", re.MULTILINE | re.DOTALL)
_STANZA = re.compile(r"([^{}]*)\{([^{}]*)\}")
_OLDDIR = re.compile(r"^\s*(?:olddir\s+\"?([^\s\"]+)\"?|(noolddir))\s*$", re.MULTILINE)


def old_folders(log: Path, configs: Sequence[str] = ()) -> list[Path]:
    """Folders beside the log's own; none where logrotate has none, or may not be asked."""
    usual, own = "", ""
    for text in _texts(configs or CONFIGS):
        text = _SCRIPT.sub("", _REMARK.sub("", text))
        usual = _last(_STANZA.sub("", text)) or usual
        for head, body in _STANZA.findall(text):
            if any(fnmatch(str(log), word.strip("\"'")) for word in head.split()):
                own = _last(body) or own
    folder = own or usual
    return [log.parent / folder] if folder and folder != "noolddir" else []


def _last(text: str) -> str:
    found = _OLDDIR.findall(text)
    return "".join(found[-1]) if found else ""


def _texts(configs: Sequence[str]) -> list[str]:
    found = []
    for path in map(Path, configs):
        with contextlib.suppress(OSError):
            for file in sorted(path.iterdir()) if path.is_dir() else [path]:
                with contextlib.suppress(OSError), file.open("rb") as handle:
                    found.append(handle.read(MOST).decode("utf-8", "replace"))
    return found
