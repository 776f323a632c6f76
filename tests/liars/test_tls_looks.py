"""Probes, cloud DNS and Graph at a port that lies about who it is: nothing is handed over, nobody is called well."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bcp import registry
from bcp.contracts.dns_settings import DnsPlugin
from bcp.contracts.probe import ProbePlugin, Result
from bcp.detect.watch import look_once
from bcp.kernel.clock import SystemClock
from bcp.plugins.vendors.graph import _load
from liars.tls import LIES, closed_port

TIMEOUT_S = 0.6
PATIENCE_S = 120.0
"""A liar that hangs does so for ever; a busy machine takes its time."""
GRAPH = {"tenant_id": "t", "client_id": "c", "client_secret": "file:{folder}/secret", "timeout": f"{TIMEOUT_S}s"}
PROBES: dict[str, dict[str, Any]] = {
    "https": {"url": "{url}/owa", "timeout": f"{TIMEOUT_S}s"},
    "status-page": {"url": "{url}/status", "timeout": f"{TIMEOUT_S}s"},
    "imap": {"host": "localhost", "port": "{port}", "timeout": f"{TIMEOUT_S}s"},
    "entra": {**GRAPH, "authority": "{url}"},
    "graph-health": {"api_url": "{url}", **GRAPH},
    "graph-mailbox": {"api_url": "{url}", "mailboxes": ["a@corp.test"], **GRAPH},
}
HOSTS: dict[str, dict[str, Any]] = {
    "cloudflare": {"token": "file:{folder}/secret", "api_url": "{url}"},
    "route53": {
        "access_key_id": "file:{folder}/secret", "secret_access_key": "file:{folder}/secret", "endpoint_url": "{url}",
    },
    "azure": {
        "subscription_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "resource_group": "dns", "identity": "secret",
        "tenant_id": "t", "client_id": "c", "client_secret": "file:{folder}/secret", "api_url": "{url}",
        "authority_url": "{url}",
    },
    "google": {"project": "corp-dns", "metadata_host": "localhost:{port}", "endpoint": "{url}"},
}  # fmt: skip
"""Kind and settings; ``{url}`` and ``{port}`` are where the lie is told."""
SOME = ("expired", "another name", "self-signed", "plain http on the port", "hangs in the handshake", "closes at once")
"""For hosts whose library takes long to load and to give up."""


def filled(value: Any, folder: Path, port: int) -> Any:
    """Settings with the place of the lie in them."""
    if isinstance(value, dict):
        return {k: filled(v, folder, port) for k, v in value.items()}
    if value == "{port}":
        return port
    return value.format(folder=folder, url=f"https://localhost:{port}", port=port) if isinstance(value, str) else value


async def at(lie: str, folder: Path, work: Any) -> tuple[Any, list[bytes]]:
    """What became of it, and what reached the liar. It ends, though he may not."""
    (folder / "secret").write_text("s3cret-token")
    (folder / "secret").chmod(0o600)
    port = LIES[lie](folder) if lie in LIES else None
    if port is None:
        return await work(closed_port()), []
    async with port.open() as number, asyncio.timeout(PATIENCE_S):
        found = await work(number)
    return found, port.taken


@pytest.fixture(scope="module")
def loaded() -> None:
    """Graph's library is there: it takes longer to load than these deadlines last."""
    _load()


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(("kind", "lie"), [(k, lie) for k in PROBES for lie in [*LIES, "nobody listens"]])
def test_a_probe_calls_nobody_well_who_cannot_prove_who_he_is(tmp_path, kind, lie) -> None:
    """An outcome, in time, without a secret in its words; no credential reached the liar."""

    async def work(port: int) -> Any:
        plugin = registry.find(ProbePlugin, kind)
        settings = plugin.settings.model_validate({"kind": kind, **filled(PROBES[kind], tmp_path, port)})
        probe = plugin.create("it", settings, SystemClock())
        try:
            return await look_once(probe)
        finally:
            await probe.close()

    found, taken = asyncio.run(at(lie, tmp_path, work))
    assert found.result in {Result.FAIL, Result.UNKNOWN}, found
    assert found.kind not in {"broken-probe", "overran"} and found.evidence, found
    assert taken == [] and "s3cret" not in found.evidence


@pytest.mark.parametrize(("kind", "lie"), [(k, lie) for k in HOSTS for lie in [*SOME, "nobody listens"]])
def test_a_dns_host_hands_nothing_to_whoever_cannot_prove_who_he_is(tmp_path, kind, lie) -> None:
    """It is not ready, and says so; no key of the zone and no change reached the liar."""

    async def work(port: int) -> Any:
        plugin = registry.find(DnsPlugin, kind)
        data = {"kind": kind, "timeout": f"{TIMEOUT_S}s", **filled(HOSTS[kind], tmp_path, port)}
        host = plugin.create("it", plugin.settings.model_validate(data), SystemClock(), {"corp.test": "corp.test"})
        try:
            return await host.warm(["corp.test"])
        finally:
            await host.close()

    found, taken = asyncio.run(at(lie, tmp_path, work))
    assert found.problems.get("corp.test"), found
    assert taken == [] and "s3cret" not in str(found)
