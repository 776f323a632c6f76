"""What a DNS back end leaves behind: ``bcp.testing.dns`` has this test."""

from __future__ import annotations

from bcp.contracts.dns import Writer
from bcp.testing.dns_stage import DnsStage
from bcp.testing.leaks import left_by


class DnsLeaks(DnsStage):
    """A promise about months."""

    def test_work_leaves_nothing_open(self) -> None:
        """Readiness reads and proves every day, for years, and each run makes a back end and closes it: files,
        connections, threads and tasks do not add up."""

        async def work() -> dict[str, str]:
            await self.reset()
            writer, domain = self.make(), self.domains[0]
            made: list[Writer] = []  # none of them is forgotten, which would close it, too

            async def once() -> None:
                made.append(self.make())
                await made[-1].read([domain])
                await made[-1].close()

            works = {
                "reading": lambda: writer.read([domain]),
                "proving": lambda: writer.prove([self.order(domain)]),
                "writing": lambda: self._written(writer, domain),
                "making one, reading and closing it": once,
            }
            out = {name: await left_by(work, 6) for name, work in works.items()}
            await writer.close()
            return out

        self.all_hold(self.run(work()))

    async def _written(self, writer: Writer, domain: str) -> None:
        await writer.swap([await self.fresh(writer, domain)])
