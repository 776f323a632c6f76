"""What runs out: secrets, certificates, drills, the snapshot, anchors."""

from __future__ import annotations

import pytest

from bcp.ready.papers import (
    AnchorFacts,
    CertificateFacts,
    DrillFacts,
    SecretFacts,
    anchor,
    certificate,
    drill,
    secret,
    snapshot,
)

DAY = 86_400.0
NOW = 20_000 * DAY
WARN = 21 * DAY


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (SecretFacts("s", "env:S", "S is not set"), {"secret": "fail"}),
        (SecretFacts("s", "env:S"), {"secret": "ok"}),
        (SecretFacts("s", "env:S", expires=NOW + WARN), {"secret": "ok", "secret-expiry": "ok"}),
        (SecretFacts("s", "env:S", expires=NOW + WARN - 1), {"secret": "ok", "secret-expiry": "risk"}),
        (SecretFacts("s", "env:S", expires=NOW), {"secret": "ok", "secret-expiry": "fail"}),
    ],
    ids=["unset", "set", "long", "soon", "over"],
)
def test_a_secret(facts: SecretFacts, wanted: dict[str, str]) -> None:
    found = secret(facts, NOW, WARN)
    assert {c.code: c.state for c in found} == wanted
    assert all(c.subject == "s (env:S)" for c in found)


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (CertificateFacts("c", "mx", NOW + WARN), "ok", "valid until"),
        (CertificateFacts("c", "mx", NOW + WARN - 1), "risk", "in 20d 23h"),
        (CertificateFacts("c", "mx", NOW), "fail", "ended on"),
        (CertificateFacts("c", "mx", NOW - DAY, "it has expired"), "fail", "ended on"),
        (CertificateFacts("c", "mx", NOW + WARN, "does not name mx"), "risk", "does not name mx"),
        (CertificateFacts("c", "mx", None), "unknown", "not seen"),
        (CertificateFacts("c", "mx", None, shown=False), "risk", "no TLS"),
    ],
    ids=["long", "soon", "over", "over and disliked", "of another name", "not seen", "none"],
)
def test_a_certificate(facts: CertificateFacts, state: str, words: str) -> None:
    found = certificate(facts, NOW, WARN)
    assert (found.code, found.state) == ("c", state) and words in found.says and "mx" in found.says


@pytest.mark.parametrize(
    ("last", "state"),
    [(0.0, "risk"), (NOW - 92 * DAY, "ok"), (NOW - 92 * DAY - 1, "risk"), (NOW - 184 * DAY, "risk"),
     (NOW - 184 * DAY - 1, "fail")],
)  # fmt: skip
def test_the_last_drill(last: float, state: str) -> None:
    found = drill(DrillFacts("book", last), NOW)
    assert (found.state, found.subject, found.playbooks) == (state, "book", ("book",))


def test_a_playbook_that_was_changed_since_was_never_tried() -> None:
    found = drill(DrillFacts("book", NOW - DAY, changed=True), NOW)
    assert (found.state, found.says) == (
        "risk",
        "book was rehearsed 1d ago, and was changed since: what it does now was never tried",
    )
    assert drill(DrillFacts("book", changed=True), NOW).says == "book was never rehearsed here"


def test_a_secret_that_everybody_can_read() -> None:
    found = secret(SecretFacts("channels: sms: token", "file:t", open_file="/etc/bcp/t"), NOW, WARN)
    assert [(c.code, c.state, c.hint) for c in found] == [
        ("secret", "ok", ""),
        ("secret-open", "risk", "chmod 600 /etc/bcp/t"),
    ]


@pytest.mark.parametrize(
    ("taken", "missing", "state", "words"),
    [(0.0, 0, "risk", "no snapshot"), (NOW - 60, 2, "ok", "1m old, 2 facts missing"), (NOW - DAY - 1, 0, "risk", "1d")],
)
def test_the_snapshot(taken: float, missing: int, state: str, words: str) -> None:
    found = snapshot(taken, missing, DAY, NOW)
    assert found.state == state and words in found.says


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (AnchorFacts(), "risk"),
        (AnchorFacts(True), "risk"),
        (AnchorFacts(True, problem="it answers HTML"), "fail"),
        (AnchorFacts(True, NOW - 7200, 3600.0), "ok"),
        (AnchorFacts(True, NOW - 7201, 3600.0), "risk"),
        (AnchorFacts(True, NOW - 26 * 3600 - 1, 3600.0, "it answers HTML"), "fail"),
        (AnchorFacts(True, NOW + 120, 3600.0), "ok"),
        (AnchorFacts(True, NOW + 121, 3600.0, "it answers HTML"), "risk"),
    ],
    ids=[
        "not wanted",
        "not yet",
        "not yet, and broken",
        "young",
        "late",
        "very late",
        "a little ahead",
        "clock set back",
    ],
)
def test_anchors_outside(facts: AnchorFacts, state: str) -> None:
    found = anchor(facts, NOW)
    assert found.state == state and (not facts.problem or facts.problem in found.says)
