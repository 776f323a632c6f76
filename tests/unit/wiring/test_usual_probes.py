"""What looks where nobody configured anything."""

from __future__ import annotations

import pytest

from bcp import registry
from bcp.kernel.clock import SystemClock
from bcp.wiring.usual_probes import MAX_HOSTS, Canary, Reachable, nobody, usual_probes

HOST, OTHER = "corp-example.mail.example", "other-example.mail.example"
RELAY = Reachable("mx-backup", "relay.example", ("192.0.2.20",), 25, "postmaster@corp.example")
CANARY = Canary("canary@corp.example", ("second@corp.example",), resolvers=("192.0.2.1", "192.0.2.2"))


def test_the_usual_set() -> None:
    """Own MX, the host's name, known and unknown recipients, a control of each medium."""
    found = usual_probes({"corp.example": [HOST]}, CANARY, RELAY)
    kinds = {n: (s["kind"], s.get("control", False)) for n, s in found.items()}
    assert kinds == {
        "own-mx": ("own-mx", False),
        "dns-1": ("dns", False),
        "smtp-1": ("smtp", False),
        "unknown-1": ("smtp-unknown", False),
        "dns-control": ("dns", True),
        "mx-backup-control": ("smtp", True),
    }
    assert found["smtp-1"]["recipients"] == ["canary@corp.example", "second@corp.example"]
    assert found["own-mx"]["domains"] == ["corp.example"]
    assert all(s["resolvers"] == ["192.0.2.1", "192.0.2.2"] for s in found.values())
    assert (
        found["own-mx"]["authoritative"] == []
        and usual_probes({"a.example": [HOST]}, Canary())["own-mx"]["authoritative"] == "auto"
    )


@pytest.mark.parametrize(
    "canary", [CANARY, Canary(), Canary("c@corp.example", arrival="/var/mail/c"), Canary(known=("x@corp.example",))]
)
def test_every_setting_is_one_that_the_probe_takes(canary) -> None:
    """Each can be made, and vouches for or looks over a medium that a control vouches for."""
    found = usual_probes({"corp.example": [HOST], "other.example": [OTHER]}, canary, RELAY)
    made = [
        registry.load("probes", s["kind"]).create(
            n, registry.settings_class("probes", s["kind"]).model_validate(s), SystemClock()
        )
        for n, s in found.items()
    ]
    watched = [p.watched(60.0) for p in made]
    media = {w.medium for w in watched if not w.control and w.medium}
    vouched = {w.medium for w in watched if w.control}
    assert media - vouched <= ({"smtp"} if not canary.to else set())


def test_a_host_is_asked_only_for_recipients_of_its_own_domains() -> None:
    """A stranger is refused, rightly: that would look like false rejects.
    Each probe speaks of the domains of its host."""
    found = usual_probes({"corp.example": [HOST], "other.example": [OTHER]}, CANARY)
    assert {s["host"] for s in found.values() if s["kind"] == "smtp"} == {HOST}
    assert {s["host"]: s["domains"] for s in found.values() if s["kind"] == "dns" and not s.get("control")} == {
        HOST: ["corp.example"],
        OTHER: ["other.example"],
    }
    shared = usual_probes({"corp.example": [HOST], "other.example": [HOST]}, CANARY)
    assert all("domains" not in s for s in shared.values() if s["kind"] == "smtp")
    foreign = usual_probes({"corp.example": [HOST]}, Canary("canary@elsewhere.example"))
    assert foreign["smtp-1"]["recipients"] == ["canary@elsewhere.example"]  # not ours by name: whoever says so knows


def test_a_round_trip_where_its_end_can_be_seen() -> None:
    """Only with a Maildir, and only with somebody to send to."""
    assert "round-trip" in usual_probes({"corp.example": [HOST]}, Canary("c@corp.example", arrival="/m"))
    assert "round-trip" not in usual_probes({"corp.example": [HOST]}, Canary("", arrival="/m"))
    assert "round-trip" not in usual_probes({"corp.example": [HOST]}, CANARY)


def test_nothing_to_look_at_is_no_probe_and_many_hosts_are_a_few() -> None:
    """Controls alone would vouch for nothing."""
    assert usual_probes({}, CANARY, RELAY) == {} == usual_probes({"corp.example": []}, CANARY, RELAY)
    many = usual_probes({"corp.example": [f"mx{n}.example" for n in range(9)]}, CANARY)
    assert sum(s["kind"] == "smtp" for s in many.values()) == MAX_HOSTS
    assert "mx-backup-control" not in usual_probes({"corp.example": [HOST]}, Canary(), RELAY)


def test_nobody_is_the_same_nobody_every_time() -> None:
    """A new address every look would look like an attack on the directory."""
    assert nobody("a@corp.example") == nobody("b@corp.example") != nobody("a@other.example")
    assert nobody("a@corp.example").endswith("@corp.example")
