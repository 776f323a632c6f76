"""A line of ``authorized_keys`` that an SSH server would pass over is told, before anybody wonders why it asks."""

from __future__ import annotations

import pytest

from bcp.relay_kit.ssh_keys import is_public_key

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIPOcS8B2DzhQSnnJIzy7JLRuEF7Yva3IzI8s3Zv0aB0x"


def test_a_key_as_ssh_keygen_writes_it() -> None:
    assert is_public_key(f"ssh-ed25519 {KEY} bcp@main") and is_public_key(f" ssh-ed25519 {KEY}\n")


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519 AAAA... bcp",
        "ssh-ed25519",
        "ssh-ed25519 bcp@main",
        f"ssh-rsa {KEY} bcp",
        f"ssh-ed25519 {KEY[:20]} bcp",
        f"ssh-ed25519{KEY}",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 bcp",
    ],
)
def test_a_placeholder_another_type_or_half_a_key_is_none(line) -> None:
    assert not is_public_key(line)
