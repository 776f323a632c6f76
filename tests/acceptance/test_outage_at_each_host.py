"""A whole outage at each cloud provider, from ``bcp init`` to the way back, by the command line: the page of the first
hour with another DNS host in its answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.test_first_hour import PAGES, Town
from unit.plugins.dns import test_azure, test_google, test_route53
from unit.plugins.dns.clouds import certificate

from bcp.lab.net import free_port
from bcp.lab.world import EXCHANGE

STAGES = {"route53": test_route53.Route53, "azure": test_azure.Azure, "google": test_google.Google}


class CloudTown(Town):
    """The same lab with another provider."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind, self.stage = kind, STAGES[kind]()
        super().__init__(folder)
        self.env |= {
            "AWS_ACCESS_KEY_ID": "AKIAGOOD",
            "AWS_SECRET_ACCESS_KEY": test_route53.SECRETS["good"],
            "AZURE_CLIENT_SECRET": test_azure.SECRETS["good"],
        }
        if kind == "google":
            (self.folder / "secrets").mkdir()
            (self.folder / "secrets" / "google.json").write_text(self.stage.account("good"))

    async def _provide(self, zone) -> None:
        self.cloud = self.stage.lab = self.stage.emulator()
        self.cloud.add(zone)
        await self.cloud.start("127.0.0.1", free_port("127.0.0.1"), self.stage.tls())

    def _mine(self, text: str) -> str:
        url = self.cloud.url
        answers = {
            "route53": f"aws_api: {url}",
            "azure": f"azure_subscription: {test_azure.SUBSCRIPTION}\nazure_tenant: {test_azure.TENANT}\n"
            f"azure_client: good\nazure_api: {url}\nazure_signin: {url}\nazure_ca: {certificate()}",
            "google": f"google_project: {test_google.PROJECT}\ngoogle_api: {url}",
        }
        return super()._mine(text).replace("dns: cloudflare", f"dns: {self.kind}\n{answers[self.kind]}")

    def _network(self, text: str) -> str:
        return super()._network(text.replace("cloudflare", self.kind))


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("kind", sorted(STAGES))
def test_an_outage_is_played_from_init_to_the_way_back(tmp_path, kind) -> None:
    town = CloudTown(tmp_path, kind)
    try:
        town.read(PAGES / "hour-cloudflare-teams.md")
        town.finish()
    except AssertionError as error:
        raise AssertionError(f"{error}\n{town.said}") from error
    finally:
        town.stop()
    everything = "\n".join(f"$ {line}  -> {code}\n{text}" for line, code, text in town.said)
    for line in ("bcp init", "bcp config check", "bcp playbook lint", "bcp doctor", "bcp status"):
        assert set(town.ended(line)) == {0}, everything
    assert town.ended("bcp plan") == [3, 0] and town.ended("bcp audit verify") == [0], everything
    assert town.world.published_mx() == f"0 {EXCHANGE}" and town.world.first_at_relay() > 0
    assert town.cloud.changes == 2, "the switch and the way back, each once"
    assert "no compare-and-swap" not in everything and "Traceback" not in everything
    leans = "its tokens come from microsoft" in everything
    assert leans is (kind == "azure"), everything
    assert not [s for s in (*test_route53.SECRETS.values(), *test_azure.SECRETS.values()) if s in everything]
