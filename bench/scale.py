"""Many domains: what a round of S1 and S2 costs, and how that grows. One process looks, another plays the servers."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import sys
import time


def server(ready) -> None:  # noqa: C901 - two small servers, told apart by what they hear
    """DNS over UDP and TCP that answers everything with one address, and SMTP that takes every recipient."""
    import dns.message
    import dns.rrset

    def answer(wire):
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        if query.question[0].rdtype == 1:
            reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "127.0.0.1"))
        return reply.to_wire()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            self.transport.sendto(answer(data), addr)

    async def names(reader, writer):
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                wire = answer(await reader.readexactly(size))
                writer.write(len(wire).to_bytes(2, "big") + wire)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    class Smtp(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            transport.write(b"220 mail ESMTP\r\n")

        def data_received(self, data):
            for line in data.splitlines():
                if line[:4].upper() == b"QUIT":
                    self.transport.write(b"221 bye\r\n")
                    self.transport.close()
                else:
                    self.transport.write(b"250 ok\r\n")

    async def run():
        loop = asyncio.get_running_loop()
        one = await asyncio.start_server(names, "127.0.0.1", 0, backlog=2048)
        await loop.create_datagram_endpoint(Datagrams, one.sockets[0].getsockname())
        two = await loop.create_server(Smtp, "127.0.0.1", 0, backlog=2048)
        ready.send((one.sockets[0].getsockname()[1], two.sockets[0].getsockname()[1]))
        await asyncio.sleep(3600)

    asyncio.run(run())


def vantage(name: str, domains: int, dns_port: int, smtp_port: int, out) -> None:
    """One vantage point: two looks for each domain, once."""
    from bcp import registry
    from bcp.detect.rules import Rules
    from bcp.detect.watch import Watcher
    from bcp.kernel.clock import SystemClock

    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    clock = SystemClock()
    probes = []
    for i in range(domains):
        host = f"d{i}-example.mail.protection.outlook.test"
        for kind, more in (
            ("dns", {"resolvers": [f"127.0.0.1:{dns_port}"]}),
            ("smtp", {"addresses": ["127.0.0.1"], "port": smtp_port, "recipient": f"canary@d{i}.example"}),
        ):
            probes.append(
                registry.load("probes", kind).create(
                    f"{kind}-{i}", registry.settings_class("probes", kind)(host=host, **more), clock
                )
            )
    watcher = Watcher(probes, Rules(interval_s=60.0), clock, concurrency=200)

    async def run():
        watcher._gate = asyncio.Semaphore(watcher.concurrency)
        await asyncio.gather(*(watcher._counted(p) for p in watcher.mine))
        return watcher.settle()

    cpu, start = time.process_time(), time.monotonic()
    decision = asyncio.run(run())
    wall, used = time.monotonic() - start, time.process_time() - cpu
    out.send((name, wall, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, decision.state))


def decide(domains: int, vantages: int) -> tuple[float, float]:
    """The main node alone: one round of all signals through the detector. CPU seconds and MiB."""
    from bcp.contracts.probe import Result, Signal, Watched
    from bcp.detect.detector import Detector
    from bcp.detect.rules import Rules

    names = tuple(f"v{i}" for i in range(vantages))
    watched = [
        Watched(f"{k}-{i}", k, p, medium=k) for i in range(domains) for k, p in (("dns", "dns"), ("smtp", "inbound"))
    ]
    detector = Detector(Rules(), watched, vantages=names, here="v0")
    for r in range(3):
        start = time.process_time()
        for w in watched:
            for v in names:
                detector.take(Signal(w.probe, w.plane, Result.OK, 60.0 * r, "", "accepts", False, {}, v))
        detector.settle(60.0 * r, 60.0 * r)
        used = time.process_time() - start
    return used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(sizes: list[int]) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    play = context.Process(target=server, args=(there,), daemon=True)
    play.start()
    ports = here.recv()
    print(
        f"{os.cpu_count()} cores; S1 and S2 of each domain, from three vantage points at once, servers on the same "
        "machine"
    )
    print(
        f"{'domains':>8} {'looks':>7} {'round s':>8} {'CPU ms/look':>12} {'MiB each':>9} {'decide ms':>10} "
        f"{'MiB main':>9}"
    )
    rows, bar = [], True
    for size in sizes:
        pipes, workers = [], []
        start = time.monotonic()
        for v in range(3):
            a, b = context.Pipe()
            worker = context.Process(target=vantage, args=(f"v{v}", size, *ports, b))
            worker.start()
            pipes.append(a)
            workers.append(worker)
        found = [p.recv() for p in pipes]
        wall = max(f[1] for f in found)
        for worker in workers:
            worker.join()
        looks, cpu = 6 * size, sum(f[2] for f in found)
        pool = context.Pool(1)
        used, memory = pool.apply(decide, (size, 3))
        pool.close()
        each = max(f[3] for f in found)
        rows.append(
            {
                "domains": size,
                "round_s": wall,
                "cpu_ms_per_look": 1000 * cpu / looks,
                "mib_vantage": each,
                "decide_ms": 1000 * used,
                "mib_main": memory,
            }
        )
        print(
            f"{size:>8} {looks:>7} {wall:>8.1f} {1000 * cpu / looks:>12.2f} {each:>9.0f} {1000 * used:>10.0f} "
            f"{memory:>9.0f}"
        )
        assert all(f[4] == "healthy" for f in found)
        bar = wall <= 60 and max(each, memory) <= 300
        del start
    first, last = rows[0], rows[-1]
    print(
        f"cost of a look at {last['domains']} domains: {last['cpu_ms_per_look'] / first['cpu_ms_per_look']:.2f} x "
        f"that at {first['domains']}; the last round {'fits' if bar else 'DOES NOT FIT'} in 60 s and 300 MiB"
    )
    play.terminate()
    if "--json" in sys.argv:
        print(json.dumps(rows))


if __name__ == "__main__":
    main([int(a) for a in sys.argv[1:] if a.isdigit()] or [50, 500, 5000])
