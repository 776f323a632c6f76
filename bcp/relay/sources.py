"""Which agents a relay has, and what the ledger calls them: one for all of its hosts, or one on each. Pure.

``{host}`` in ``agent:`` stands for the host that is meant: then every host has an agent of its own, called
``RELAY@HOST``, as queue ids of several hosts are. Agents that come by themselves are one a host as soon as there are
several hosts. Without a placeholder there is one agent, called like the relay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.relay import AgentWay
from bcp.kernel.placeholder import HOST
from bcp.relay.clear import in_the_clear


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, which is one source of the ledger."""

    relay: str
    host: str
    """Where it runs, without the final dot; empty: it speaks for all hosts of the relay."""
    way: AgentWay

    @property
    def name(self) -> str:
        """What it is called in its own settings, in batches and in the ledger."""
        return source_name(self.relay, self.host)


def source_name(relay: str, host: str) -> str:
    """Of the agent on this host of that relay."""
    return f"{relay}@{host}" if host else relay


def hosts_of(settings: Any) -> tuple[str, ...]:
    """Names of a relay's hosts, without final dots."""
    published = getattr(settings, "published", None)
    return tuple(h.host.rstrip(".").lower() for h in published()) if published is not None else ()


def agents_of(relay: str, settings: Any) -> tuple[Agent, ...]:
    """The agents of a relay, given its settings (``RelaySettings``); none: it has no ``agent:``."""
    way: AgentWay | None = settings.agent
    if way is None:
        return ()
    hosts = hosts_of(settings)
    if not apart(way, hosts):
        return (Agent(relay, "", way),)
    return tuple(Agent(relay, host, at_host(way, host)) for host in hosts)


def apart(way: AgentWay, hosts: tuple[str, ...]) -> bool:
    """Has every host an agent of its own?"""
    return any(HOST in text for text in (way.url, *way.command)) or (way.push and len(hosts) > 1)


def at_host(way: AgentWay, host: str) -> AgentWay:
    """How the agent on this host is asked."""
    command = [w.replace(HOST, host) for w in way.command]
    return way.model_copy(update={"url": way.url.replace(HOST, host), "command": command})


def next_doors(agents: Mapping[str, Agent], name: str, settings: Any) -> dict[str, str]:
    """The relay's other hosts, by name and address, and the sources that tell of them.

    Mail that this source's host hands to one of them is not delivered: it is at the relay still.
    """
    own = agents[name]
    if not own.host:
        return {}
    found = {}
    for other in agents.values():
        if other.relay == own.relay and other.host != own.host:
            found.update(dict.fromkeys((other.host, *_addresses(settings, other.host)), other.name))
    return found


def _addresses(settings: Any, host: str) -> list[str]:
    rows = [h for h in getattr(settings, "hosts", ()) if h.host.rstrip(".").lower() == host]
    return [a for h in rows for a in h.addresses]


def doubts(relay: str, settings: Any) -> list[str]:
    """What is allowed, and most often not meant; each a sentence without its end."""
    way: AgentWay | None = settings.agent
    hosts, said = hosts_of(settings), _one_reach(relay, settings)
    if way is None:
        return said
    if len(hosts) > 1 and not apart(way, hosts):
        said.append(one_for_all(relay, hosts))
    for agent in agents_of(relay, settings):
        if in_the_clear(agent.way.url):
            said.append(
                f"{agent.name}: what its agent tells comes over plain HTTP from {urlsplit(agent.way.url).hostname}: "
                "everybody on the way reads who wrote to whom; use a tunnel, or command:"
            )
    return said


def _one_reach(relay: str, settings: Any) -> list[str]:
    """One machine is asked for several hosts."""
    machine, hosts = getattr(settings, "machine", lambda: None)(), hosts_of(settings)
    if machine is None or not machine.reach or len(hosts) < 2 or any(HOST in w for w in machine.reach):
        return []
    return [
        f"{relay} has {len(hosts)} hosts, and reach: asks one machine for all: {HOST} in it is the host that is meant"
    ]


def one_for_all(relay: str, hosts: tuple[str, ...]) -> str:
    """One agent for several hosts."""
    return (
        f"{relay} has {len(hosts)} hosts and one agent: mail of {', '.join(hosts)} is accounted for only if its log is "
        f"that of all; with {HOST} in agent: each host has an agent of its own"
    )
