"""One process that switches N zones: ``us`` (our back end, read + swap + verify), ``us-update`` (swap only),
``bare`` (dnspython alone)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


def bare(port: int, secret: str, count: int, old: str, new: str) -> None:
    """What anybody would write: read, guarded update, read back."""
    import dns.message
    import dns.query
    import dns.tsig
    import dns.update

    key = dns.tsig.Key("bcp.", secret, dns.tsig.HMAC_SHA256)
    for i in range(count):
        zone = f"z{i}.test."
        before = dns.query.tcp(dns.message.make_query(zone, "MX"), "127.0.0.1", port=port, timeout=5).answer[0]
        update = dns.update.UpdateMessage(zone, keyring=key)
        update.present(zone, *before)
        update.absent(zone, "CNAME")
        update.replace(zone, 60, "MX", new)
        assert dns.query.tcp(update, "127.0.0.1", port=port, timeout=5).rcode() == 0
        after = dns.query.tcp(dns.message.make_query(zone, "MX"), "127.0.0.1", port=port, timeout=5).answer[0]
        assert after[0].to_text() == new


async def us(port: int, secret: Path, count: int, old: str, new: str, *, verify: bool) -> None:
    """Our back end."""
    from bcp.contracts.dns import MxHost, MxSet, SwapOrder
    from bcp.kernel.clock import SystemClock
    from bcp.kernel.secret import Secret
    from bcp.mx.host import Host
    from bcp.plugins.dns.rfc2136 import Rfc2136, Rfc2136Settings

    def parse(text: str) -> MxSet:
        preference, host = text.split()
        return MxSet((MxHost(int(preference), host),), 60)

    settings = Rfc2136Settings.model_validate(
        {
            "kind": "rfc2136",
            "server": f"127.0.0.1:{port}",
            "key": {"name": "bcp.", "secret": "file:x"},
            "authoritative": [f"127.0.0.1:{port}"],
        }
    )
    settings = settings.model_copy(update={"key": settings.key.model_copy(update={"secret": Secret(f"file:{secret}")})})
    zones = [f"z{i}.test" for i in range(count)]
    clock = SystemClock()
    writer = Rfc2136("main", settings, clock, {z: z for z in zones})
    back_end = Host("main", writer, settings, clock, {z: z for z in zones})
    orders = [SwapOrder(z, parse(old), parse(new)) for z in zones]
    if not verify:
        from bcp.kit.dnswire import exchange

        replies = await exchange(
            writer._server, [writer._update(o) for o in orders], keyring=writer._tsig(), timeout_s=5, window=64
        )
        assert all(r.rcode() == 0 for r in replies)
        return
    if count == 1:
        await back_end.read(zones)
    swaps = await back_end.swap(orders)
    assert all(s.state == "applied" for s in swaps), swaps[0]


which, port, secret, count, old, new = (
    sys.argv[1],
    int(sys.argv[2]),
    Path(sys.argv[3]),
    int(sys.argv[4]),
    sys.argv[5],
    sys.argv[6],
)
if which == "bare":
    bare(port, secret.read_text(), count, old, new)
else:
    asyncio.run(us(port, secret, count, old, new, verify=which == "us"))
