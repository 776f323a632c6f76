"""One process that switches N zones, told by its first argument how:

``bare``: what anybody would write with dnspython. ``us``: our back end, read, swap, read back, from values in hand.
``us-settings``: the same with its section of ``bcp.yaml`` checked first, which loads pydantic. ``us-update``: the swap
alone, nothing read. ``bare`` writes and reads as often as ``us``.
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
    from bcp.kit.dns_update import Rfc2136
    from bcp.mx.host import Host

    def parse(text: str) -> MxSet:
        preference, host = text.split()
        return MxSet((MxHost(int(preference), host),), TTL_S)

    settings = (_checked if which == "us-settings" else _in_hand)(port, secret)
    zones, clock = {f"z{i}.test": f"z{i}.test" for i in range(count)}, SystemClock()
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
