"""Each of our directories keeps what ``bcp.testing.directory`` asks of every directory."""

from __future__ import annotations

from typing import Any

from bcp import registry
from bcp.contracts.directory import Addresses, DirectoryPlugin, TellsAddresses, TellsDomains
from bcp.testing.directory import DirectorySuite
from bcp.testing.vendor import Answer, Asked


def user(name: str, **more: Any) -> dict[str, Any]:
    """A user as Graph has it."""
    return {
        "id": f"id-{name}",
        "displayName": name,
        "userPrincipalName": f"{name.lower()}@corp.test",
        "accountEnabled": True,
        **more,
    }


DOMAINS = [
    {"id": "corp.test", "isVerified": True, "supportedServices": ["Email", "Intune"]},
    {"id": "Shops.corp.test", "isVerified": False, "supportedServices": ["Email"]},
    {"id": "corp.onmicrosoft.com", "isVerified": True, "supportedServices": ["Email"]},
    {"id": "signin.test", "isVerified": True, "supportedServices": ["OfficeCommunicationsOnline"]},
    {"id": "bare.test", "isVerified": True},
    {"id": "claimed.test", "isVerified": False, "supportedServices": ["Email"]},
    {"id": "notcorp.test", "isVerified": False, "supportedServices": ["Email"]},
]


class TestGraph(DirectorySuite):
    """Microsoft Graph."""

    plugin = registry.find(DirectoryPlugin, "graph")
    _addresses = False
    """Asked for addresses: links carry no parameters of ours."""

    def settings(self) -> dict[str, Any]:
        return {
            "tenant_id": "t",
            "client_id": "c",
            "client_secret": self.secret("graph"),
            "api_url": self.url,
            "groups": self.groups,
            "managers": True,
        }

    def test_domains_are_those_that_are_verified_and_take_mail(self) -> None:
        """On every page; a subdomain counts with its root."""

        async def work() -> list[str]:
            async with self.at() as (d, _):
                assert isinstance(d, TellsDomains)
                return await d.accepted_domains()

        assert self.run(work()) == ["corp.onmicrosoft.com", "corp.test", "shops.corp.test"]

    def test_every_address_is_told_and_then_what_changed(self) -> None:
        """Users, groups and contacts; other kinds of proxy addresses are none."""

        async def work() -> tuple[Addresses, Addresses]:
            async with self.at() as (d, _):
                assert isinstance(d, TellsAddresses)
                first = await d.addresses()
                return first, await d.addresses(first.since)

        first, then = self.run(work())
        assert first.by_id == {
            "id-Alice": ("alice@corp.test", "a@corp.test"),
            "id-shared": ("shared@corp.test",),
            "id-group": ("all@corp.test",),
            "id-none": (),
            "id-contact": ("out@else.test",),
        }
        assert first.gone == () and then.gone == ("id-Alice",) and then.by_id == {"id-group": ("every@corp.test",)}

    def addresses(self, asked: Asked) -> Answer:
        """Delta queries for addresses, on two pages for users."""
        kind = asked.path.split("/")[-2]
        link = f"{self.url}/v1.0/{kind}/delta()"
        changed: dict[str, list[dict[str, Any]]] = {
            "users": [{"id": "id-Alice", "@removed": {"reason": "changed"}}, {"id": "id-shared"}],
            "groups": [{"id": "id-group", "proxyAddresses": ["SMTP:Every@corp.test"]}],
        }
        if "deltatoken" in asked.target:
            return Answer(200, {"value": changed.get(kind, []), "@odata.deltaLink": f"{link}?$deltatoken=2"})
        rows: dict[str, list[dict[str, Any]]] = {
            "users": [{"id": "id-shared", "mail": "Shared@corp.test"}],
            "groups": [
                {"id": "id-group", "mail": "all@corp.test", "proxyAddresses": ["SMTP:all@corp.test", "X500:/o=x"]},
                {"id": "id-none"},
            ],
            "contacts": [{"id": "id-contact", "mail": "out@else.test"}],
        }
        if kind == "users" and "skiptoken" not in asked.target:
            alice = {
                "id": "id-Alice",
                "proxyAddresses": ["SMTP:Alice@corp.test", "smtp:a@corp.test", "SIP:alice@corp.test"],
            }
            return Answer(200, {"value": [alice], "@odata.nextLink": f"{link}?$skiptoken=1"})
        return Answer(200, {"value": rows[kind], "@odata.deltaLink": f"{link}?$deltatoken=1"})

    def respond(self, asked: Asked) -> Answer:
        if "delta" in asked.path and ("proxyAddresses" in asked.target or self._addresses):
            self._addresses = True
            return self.addresses(asked)
        base, path = f"{self.url}/v1.0", asked.path
        if "delta" in path:
            if "deltatoken" in asked.target:
                return Answer(
                    200,
                    {
                        "value": [{"id": "id-Bob", "@removed": {"reason": "deleted"}}],
                        "@odata.deltaLink": f"{base}/users/delta()?$deltatoken=2",
                    },
                )
            if "skiptoken" in asked.target:
                return Answer(200, {"value": [user("Bob")], "@odata.deltaLink": f"{base}/users/delta()?$deltatoken=1"})
            return Answer(200, {"value": [user("Alice")], "@odata.nextLink": f"{base}/users/delta()?$skiptoken=1"})
        if "transitiveMembers" in path:
            return Answer(200, {"value": [{"@odata.type": "#microsoft.graph.user", "id": "id-Bob"}]})
        if path.endswith("/serviceConfigurationRecords"):
            return Answer(
                200,
                {
                    "value": [
                        {
                            "@odata.type": "#microsoft.graph.domainDnsMxRecord",
                            "id": "1",
                            "mailExchange": "corp-test.mail.protection.outlook.test",
                            "preference": 0,
                            "ttl": 3600,
                        }
                    ]
                },
            )
        if path.endswith("/domains"):
            return (
                Answer(200, {"value": DOMAINS[1:]})
                if "skiptoken" in asked.target
                else Answer(200, {"value": DOMAINS[:1], "@odata.nextLink": f"{base}/domains?$skiptoken=1"})
            )
        if path.endswith("/healthOverviews"):
            return Answer(
                200, {"value": [{"id": "Exchange", "service": "Exchange Online", "status": "serviceOperational"}]}
            )
        boss = {"manager": {"@odata.type": "#microsoft.graph.user", "id": "id-Alice"}}
        return Answer(200, {"value": [user("Alice"), user("Bob", **boss)]})


def test_every_directory_of_ours_is_here() -> None:
    """A new one joins."""
    assert {
        c.plugin.kind for c in DirectorySuite.__subclasses__() if c.__module__ == __name__ and hasattr(c, "plugin")
    } == set(registry.own("directories"))
