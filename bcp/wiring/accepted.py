"""Domains that the tenant accepts mail for, out of the file that ``accepted_domains:`` names."""

from __future__ import annotations

import csv
from pathlib import Path

from bcp.contracts.dns import Accepted
from bcp.kernel.glance import MAX_BYTES
from bcp.mx.accepted_list import parse


def accepted_in(path: Path) -> Accepted:
    """What the file says. One that cannot be read is a problem that is told, and ends nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))  # as Windows PowerShell writes by default
        good, odd = parse(data.decode("utf-16" if wide else "utf-8"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        return Accepted(problem=f"{path.name} cannot be read: {why}")
    if not good:
        return Accepted(problem=f"{path.name} names no domain", odd=odd)
    return Accepted(good, path.name, odd)
