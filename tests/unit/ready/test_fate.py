"""What takes over must not go down with what it takes over from: names, aliases, addresses, networks."""

from __future__ import annotations

import pytest

from bcp.contracts.readiness import NO_PLAYBOOK
from bcp.ready.fate import HostSeen, at_microsoft, page, page_hosts, relay

PRIMARY = [
    HostSeen("corp.mail.protection.outlook.com", "", ("52.101.8.1",)),
    HostSeen("mx.old.example", "", ("8.8.8.8",)),
]


@pytest.mark.parametrize(
    ("host", "state", "words"),
    [
        (HostSeen("mx.example.net", "", ("9.9.9.9", "2620:fe::9")), "ok", "no name and no network in common"),
        (HostSeen("mx.example.net"), "ok", ""),
        (HostSeen("r.westeurope.cloudapp.azure.com", "", ("9.9.9.9",)), "risk", "at Microsoft (cloudapp.azure.com)"),
        (HostSeen("mx.example.net", "corp.trafficmanager.net"), "risk", "mx.example.net (corp.trafficmanager.net)"),
        (HostSeen("mx.example.net", "", ("40.107.3.4",)), "risk", "40.107.3.4, which is Exchange Online's"),
        (HostSeen("MX.old.example."), "risk", "takes our mail today"),
        (HostSeen("mx2.old.example", "", ("8.8.8.200",)), "risk", "(8.8.8.200) and mx.old.example (8.8.8.8)"),
        (HostSeen("mx.example.net", "", ("8.8.9.8",)), "ok", ""),
        (HostSeen("mx.notoutlook.com", "", ("127.0.0.9",)), "ok", ""),
    ],
)  # fmt: skip
def test_a_relay_that_falls_with_what_it_stands_in_for(host: HostSeen, state: str, words: str) -> None:
    found = relay("mx-backup", [HostSeen("first.example"), host], PRIMARY, ("out",))
    assert (found.code, found.subject, found.state, found.playbooks) == ("relay-fate", "mx-backup", state, ("out",))
    assert words in found.says
    assert bool(found.hint) is (state != "ok")


def test_networks_of_a_lab_are_nobodys_fate() -> None:
    """Everything is at home there."""
    here = [HostSeen("a.test", "", ("127.0.0.1",)), HostSeen("b.test", "", ("10.1.1.1",))]
    assert relay("r", here, [HostSeen("p.test", "", ("127.0.0.2", "10.1.1.2"))], ()).state == "ok"


@pytest.mark.parametrize(
    ("host", "state"),
    [
        (HostSeen("status.example.org"), "ok"),
        (HostSeen("status.example.org", "corp.azurestaticapps.net"), "risk"),
        (HostSeen("corp.blob.core.windows.net"), "risk"),
    ],
)
def test_a_page_in_the_cloud_that_is_down(host: HostSeen, state: str) -> None:
    found = page(host)
    assert (found.code, found.subject, found.state, found.playbooks) == ("page-fate", host.name, state, NO_PLAYBOOK)
    assert ("at Microsoft (" in found.says) is (state == "risk")


def test_where_people_look() -> None:
    assert at_microsoft("Corp.SharePoint.com.") == "sharepoint.com"
    assert at_microsoft("sharepoint.com.example.org") == ""
    urls = ["https://status.example.org/x", "", "status.example.org", "http://127.0.0.1:80/", "/var/www"]
    assert page_hosts(urls) == ["status.example.org"]
