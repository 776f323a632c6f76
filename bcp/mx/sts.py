"""MTA-STS (RFC 8461): what a policy says, and which hosts it covers. Pure; ``sts_fetch`` gets one."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.dns import StsPolicy

MODES = ("enforce", "testing", "none")


def record_of(texts: Sequence[str]) -> str:
    """The TXT record that announces a policy; empty when there is none, or more than one (section 3.1: then none
    counts)."""
    found = [t for t in texts if t.replace(" ", "").lower().partition(";")[0] == "v=stsv1"]
    return found[0] if len(found) == 1 else ""


def read_policy(text: str) -> StsPolicy:
    """A policy's body, or what is wrong with it. Unknown keys are allowed; the first of a repeated key counts."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        name, value = key.strip().lower(), value.strip().lower()
        if colon and name == "mx":
            patterns.append(value.rstrip("."))
        elif colon:
            fields.setdefault(name, value)
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    problem = ""
    if fields.get("version") != "stsv1":
        problem = "it does not begin with version: STSv1"
    elif mode not in MODES:
        problem = f"its mode is {mode!r}" if mode else "it has no mode"
    elif not (age.isascii() and age.isdigit()):
        problem = "it has no max_age in seconds"
    elif mode != "none" and not patterns:
        problem = "it names no mx"
    return StsPolicy(True, mode, tuple(patterns), int(age) if not problem else 0, problem)


def policy_matches(pattern: str, host: str) -> bool:
    """Does an ``mx`` pattern cover a host? ``*.`` stands for exactly one label (section 4.1)."""
    name, wanted = host.rstrip(".").lower(), pattern.rstrip(".").lower()
    if wanted.startswith("*."):
        return name.partition(".")[2] == wanted[2:] and not name.startswith(".")
    return name == wanted
