"""How much of a provider's own rate limit a whole switch of many zones uses: calls made, against calls allowed.

    .venv/bin/python bench/pace.py [ZONES] [CALLS_PER_SECOND] [cold]

Route 53 in the lab's emulator, on loopback, zone ids warmed or not (``cold``): reading, swapping, reading back, asking
how far each change is. Allowed are the burst and so many calls a second from the first to the last. The bar is 0.95.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from bcp.contracts.action import StepInfo
from bcp.contracts.dns import Domain, MxHost, MxSet, SwapOrder, SwapState
from bcp.contracts.services import Halt
from bcp.kernel.clock import SystemClock
from bcp.lab.nameserver import Zone
from bcp.lab.route53 import Key, Route53Lab
from bcp.mx.host import Host
from bcp.mx.many import swap_all
from bcp.plugins.dns.route53 import Route53Dns, Route53Settings

OLD, NEW = MxSet((MxHost(1, "old.out.test."),), 60), MxSet((MxHost(10, "relay.out.test."),), 60)
BAR = 0.95


async def measure(zones: int, per_s: float, *, warm: bool) -> float:
    """The share of the calls that were allowed."""
    lab = Route53Lab(keys={"AKIAGOOD": Key("s")})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await lab.start("127.0.0.1", port)
    names = [f"z{i}.test" for i in range(zones)]
    for name in names:
        lab.add(Zone(name, [("@", OLD.ttl_s, "MX", [str(h) for h in OLD.hosts])]))
    host = _host(lab.url, per_s)
    if warm:
        await host.warm(names)  # as the daemon does in peacetime
    times: list[float] = []
    began = time.process_time()
    lab.calls = SimpleNamespace(append=lambda call: times.append(time.monotonic()))  # type: ignore[assignment]
    said: list[str] = []

    async def say(text: str) -> None:
        said.append(text)

    orders = [SwapOrder(n, OLD, NEW) for n in names]
    domains = {n: Domain(n, "main") for n in names}
    services = SimpleNamespace(domains=domains, dns={"main": host}, clock=SystemClock())
    swaps = await swap_all(orders, services, StepInfo("mx", "k", say=say), Halt())  # type: ignore[arg-type]
    assert all(s.state is SwapState.APPLIED for s in swaps), [s for s in swaps if s.state is not SwapState.APPLIED][:3]
    await host.close()
    await lab.stop()
    took = times[-1] - times[0]
    cpu = (time.process_time() - began) / len(times)
    waits = sorted((b - a for a, b in itertools.pairwise(times)), reverse=True)[:3]
    allowed = host.capabilities.burst + took * per_s
    print(f"{zones} zones, {len(times)} calls in {took:.1f} s; {allowed:.0f} were allowed: {len(times) / allowed:.3f}"
          f" (longest pauses {', '.join(f'{w:.2f}' for w in waits)} s; CPU {cpu * 1000:.1f} ms a call,"
          " the emulator's among it)")  # fmt: skip
    return len(times) / allowed


def _host(url: str, per_s: float) -> Host:
    folder = Path(tempfile.mkdtemp())
    for name, text in (("id", "AKIAGOOD"), ("key", "s")):
        (folder / name).write_text(text)
    settings = Route53Settings.model_validate(
        {
            "kind": "route53", "endpoint_url": url, "calls_per_s": per_s, "settle": "1s",
            "access_key_id": f"file:{folder / 'id'}", "secret_access_key": f"file:{folder / 'key'}",
        }
    )  # fmt: skip
    clock = SystemClock()
    return Host("main", Route53Dns("main", settings, clock, {}), settings, clock, {})


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if a != "cold"]
    size, speed = int((given or ["1000"])[0]), float((given[1:] or ["100"])[0])
    found = asyncio.run(measure(size, speed, warm="cold" not in sys.argv))
    sys.exit(0 if found >= BAR else 1)
