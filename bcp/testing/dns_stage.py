"""What the author of a DNS back end gives to its suite (``bcp.testing.dns``): zones, writers, faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from bcp.contracts.dns import MxHost, MxSet, Sent, SwapOrder, Writer
from bcp.contracts.dns_settings import DnsSettings
from bcp.kernel.clock import Clock
from bcp.mx.host import Host
from bcp.testing.clock import FakeClock
from bcp.testing.shape import mistyped
from bcp.testing.suite import Suite


def mx(host: str, ttl_s: int = 3600) -> MxSet:
    """A set of one record."""
    return MxSet((MxHost(10, host),), ttl_s)


class DnsStage(Suite):
    """The zones, the writers and the faults that the promises are tried with."""

    domains: ClassVar[tuple[str, ...]] = ("one.test", "two.test", "three.test")
    """At least three names whose MX may be changed, each at the top of its zone. ``setup`` puts ``before`` there."""
    missing: ClassVar[str] = "nowhere.example"
    """A name in no zone of this host."""
    wildcard: ClassVar[str] = ""
    """A name whose MX comes from a wildcard of ``before``; empty: your emulator has none."""
    before: ClassVar[MxSet] = MxSet((MxHost(10, "primary.out.test."),), 3600)
    """What stands at every domain before each test."""
    after: ClassVar[MxSet] = MxSet((MxHost(10, "relay.out.test."),), 300)
    can_lose: ClassVar[bool] = True
    """``lose_answer`` works."""
    can_throttle: ClassVar[bool] = True
    """``throttle`` works."""
    can_fail: ClassVar[bool] = True
    """``fail_at`` works."""
    can_deny: ClassVar[bool] = True
    """``make_denied`` works."""
    apart: ClassVar[bool] = True
    """False: what stands for the host works in one event loop only, so that writers in several threads cannot use it at
    the same time. Then nobody looks whether a comparison and its write are one step."""
    writers: ClassVar[int] = 16
    """How many write at once."""
    steady: ClassVar[str] = "500ms"
    """How long ours keeps reading back in these tests (real ones, where ``clock`` is a real one)."""

    # -- what an author gives ------------------------------------------------------------------------------------

    def make(self) -> Writer:
        """A back end with a good credential. Called several times: all write to the same zones."""
        raise NotImplementedError

    async def put(self, domain: str, mx: MxSet) -> None:
        """Change the MX as somebody else would, not through the back end."""
        raise NotImplementedError

    async def served(self, domain: str) -> MxSet | None:
        """What the host serves, not through the back end."""
        raise NotImplementedError

    def make_denied(self) -> Writer:
        """A back end with a credential that may read but not write."""
        raise NotImplementedError

    async def lose_answer(self) -> None:
        """The next change is made, and its answer does not arrive."""
        raise NotImplementedError

    async def throttle(self) -> None:
        """The next change is answered with *not now*, the one after it works."""
        raise NotImplementedError

    async def fail_at(self, domain: str) -> None:
        """Changes at this name end in a server error; all others work."""
        raise NotImplementedError

    def changes(self, domain: str) -> int | None:
        """How often the name was changed since the test began, ``put`` included; ``None``: not known."""
        return None

    def clock(self) -> Clock:
        """Whose time ours waits by."""
        return FakeClock()

    # -- tools ---------------------------------------------------------------------------------------------------

    def host(self, writer: Writer | None = None) -> Host:
        """The back end with ours around it, as actions get it."""
        settings = DnsSettings.model_validate({"kind": "suite", "settle": self.steady, "timeout": "1s"})
        return Host("suite", writer or self.make(), settings, self.clock(), {})

    async def reset(self) -> None:
        """``before`` at every domain."""
        for domain in self.domains:
            await self.put(domain, self.before)

    def order(self, domain: str, old: MxSet | None = None, new: MxSet | None = None, token: str = "") -> SwapOrder:
        """From ``before`` to ``after``, unless said otherwise."""
        return SwapOrder(domain, old or self.before, new or self.after, token)

    async def fresh(self, writer: Writer, domain: str) -> SwapOrder:
        """An order with the token of a reading made now."""
        (reading,) = await writer.read([domain])
        assert reading.mx is not None, f"{domain} reads as having no MX: {reading.problem}"
        return self.order(domain, reading.mx, token=reading.token)

    async def send(self, writer: Writer, orders: Sequence[SwapOrder]) -> list[Sent]:
        """The raw answers, of the right number, type and order."""
        found = await writer.swap(orders)
        self.right("swap", found, Sent, [o.domain for o in orders])
        return list(found)

    def right(self, method: str, found: Any, kind: type[Any], domains: Sequence[str]) -> None:
        """One result of the contract's type for each, in order."""
        assert isinstance(found, (list, tuple)), f"{method} returns {type(found).__name__}, not a list"
        wrong = [type(f).__name__ for f in found if not isinstance(f, kind)]
        assert not wrong, f"{method} returns {', '.join(wrong)}, not {kind.__name__}"
        odd = [text for f in found if (text := mistyped(f))]
        assert not odd, f"{method}: {odd[0]}"
        told = [f.domain for f in found]
        assert told == list(domains), f"{method} answers for {told}, asked about {list(domains)}"
