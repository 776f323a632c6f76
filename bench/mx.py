"""One process that switches N zones, told by its first argument how:

``bare``: what anybody would write with dnspython. ``us``: our back end, read, swap, read back, from values in hand.
``us-settings``: the same with its section of ``bcp.yaml`` checked first, which loads pydantic. ``us-update``: the swap
alone, nothing read. ``bare`` writes and reads as often as ``us``. ``route53``: the same as ``us`` at Route 53.
``route53-settings``: with its section of ``bcp.yaml`` checked first.
"""

from __future__ import annotations

import sys

LOCAL, WINDOW, TIMEOUT_S, TTL_S = "127.0.0.1", 64, 5.0, 60


def bare(port: int, secret: str, count: int, old: str, new: str) -> None:
    """Read, guarded update, read back, and all of them compared."""
    import dns.message
    import dns.query
    import dns.tsig
    import dns.update

    with open(secret) as file:
        key = dns.tsig.Key("bcp.", file.read(), dns.tsig.HMAC_SHA256)
    for i in range(count):
        zone = f"z{i}.test."
        before = dns.query.tcp(dns.message.make_query(zone, "MX"), LOCAL, port=port, timeout=TIMEOUT_S).answer[0]
        assert before[0].to_text() == old
        update = dns.update.UpdateMessage(zone, keyring=key)
        update.present(zone, *before)
        update.absent(zone, "CNAME")
        update.replace(zone, TTL_S, "MX", new)
        assert dns.query.tcp(update, LOCAL, port=port, timeout=TIMEOUT_S).rcode() == 0
        after = dns.query.tcp(dns.message.make_query(zone, "MX"), LOCAL, port=port, timeout=TIMEOUT_S).answer[0]
        assert after[0].to_text() == new


async def ours(which: str, port: int, secret: str, count: int, old: str, new: str) -> None:
    """Our back end, as a run uses it."""
    from bcp.contracts.dns_writer import SwapOrder
    from bcp.contracts.mx import MxHost, MxSet
    from bcp.kernel.clock import SystemClock
    from bcp.mx.host import Host

    def parse(text: str) -> MxSet:
        preference, host = text.split()
        return MxSet((MxHost(int(preference), host),), TTL_S)

    zones, clock = {f"z{i}.test": f"z{i}.test" for i in range(count)}, SystemClock()
    if which.startswith("route53"):
        from bcp.plugins.vendors.route53_host import Route53Dns

        settings = (_account_checked if which == "route53-settings" else _account)(port, secret)
        writer = Route53Dns("main", settings, clock, zones)
    else:
        from bcp.kit.dns_update import Rfc2136

        settings = (_checked if which == "us-settings" else _in_hand)(port, secret)
        writer = Rfc2136("main", settings, clock, zones)
    host = Host("main", writer, settings, clock, zones)
    orders = [SwapOrder(z, parse(old), parse(new)) for z in zones]
    if which == "us-update":
        assert all(s.state == "accepted" for s in await writer.swap(orders))
        return
    if count == 1:
        (found,) = await host.read(list(zones))
        assert orders[0].old.same(found.mx), found
    swaps = await host.swap(orders)
    assert all(s.state == "applied" for s in swaps), swaps[0]


def _in_hand(port: int, secret: str):
    """What the back end must know, as plain values."""
    from types import SimpleNamespace

    from bcp.kernel.secret import Secret

    key = SimpleNamespace(name="bcp.", algorithm="hmac-sha256", secret=Secret(f"file:{secret}"))
    here = f"{LOCAL}:{port}"
    return SimpleNamespace(
        server=here,
        key=key,
        window=WINDOW,
        timeout=TIMEOUT_S,
        settle=4.0,
        authoritative=[here],
        resolvers=[],
        ca_file=None,
    )


def _checked(port: int, secret: str):
    """The same as it stands in ``bcp.yaml``, checked."""
    from bcp.plugins.dns.rfc2136 import Rfc2136Settings

    here = f"{LOCAL}:{port}"
    key = {"name": "bcp.", "secret": f"file:{secret}"}
    return Rfc2136Settings.model_validate({"kind": "rfc2136", "server": here, "key": key, "authoritative": [here]})


def _account(port: int, secret: str):
    """What Route 53's back end must know, as plain values."""
    from types import SimpleNamespace

    from bcp.kernel.secret import Secret

    key = Secret(f"file:{secret}")
    return SimpleNamespace(
        access_key_id=key,
        secret_access_key=key,
        session_token=None,
        profile="",
        region="us-east-1",
        zone_ids={},
        calls_per_s=5.0,
        endpoint_url=f"http://{LOCAL}:{port}",
        timeout=TIMEOUT_S,
        settle=4.0,
        authoritative=[],
        resolvers=[],
        ca_file=None,
    )


def _account_checked(port: int, secret: str):
    """The same as it stands in ``bcp.yaml``, checked."""
    from bcp.plugins.dns.route53 import Route53Settings

    key = {"access_key_id": f"file:{secret}", "secret_access_key": f"file:{secret}"}
    return Route53Settings.model_validate({"kind": "route53", "endpoint_url": f"http://{LOCAL}:{port}", **key})


def main() -> None:
    """Play."""
    which, port, secret, count, old, new = sys.argv[1:7]
    if which == "bare":
        bare(int(port), secret, int(count), old, new)
        return
    from bcp.kernel.calm import begin

    begin()  # as every command of ours does
    import asyncio

    asyncio.run(ours(which, int(port), secret, int(count), old, new))


if __name__ == "__main__":
    main()
