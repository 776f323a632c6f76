"""A small octoDNS provider for tests: zones in memory, faults on demand, and what careless ones do."""

from __future__ import annotations

import threading

from octodns.provider.base import BaseProvider
from octodns.record import Record

HANGS_S = 120.0
"""A host that hangs does so until it is told to go on, or so long."""


class Shelf:
    """What a host holds: records by zone, and the faults that were asked for."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.zones: dict[str, dict[tuple[str, str], dict]] = {}
        self.changes: dict[str, int] = {}
        self.made = 0
        self.lose = self.throttle = 0
        self.failing: set[str] = set()
        self.hangs = self.hangs_in_apply = False
        self.go_on = threading.Event()
        self.error: Exception | None = None
        self.desired: list[int] = []

    def put(self, zone: str, name: str, kind: str, **data) -> None:
        with self.lock:
            self.zones[zone][name, kind] = {"type": kind, **data}
            self.changes[zone] = self.changes.get(zone, 0) + 1


SHELVES: dict[str, Shelf] = {}


class Response:
    def __init__(self, status: int, **headers: str) -> None:
        self.status_code, self.headers = status, headers


class HTTPError(Exception):
    """As ``requests`` has it."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"{status} from the host")
        self.response = Response(status, **headers)


class MemoryProvider(BaseProvider):
    """Changes records one by one, as most do."""

    SUPPORTS_GEO = SUPPORTS_DYNAMIC = False
    SUPPORTS_ROOT_NS = True
    SUPPORTS = {"A", "MX", "NS", "TXT", "CNAME"}

    def __init__(self, id, shelf, token="", min_ttl=0, **more):
        import logging

        self.log = logging.getLogger(f"MemoryProvider[{id}]")
        self.shelf, self.token, self.min_ttl = SHELVES[shelf], token, min_ttl
        self.shelf.made += 1
        super().__init__(id, **more)

    def populate(self, zone, target=False, lenient=False):
        if self.shelf.hangs:
            self.shelf.go_on.wait(HANGS_S)
        if self.shelf.error:
            raise self.shelf.error
        with self.shelf.lock:
            there = self.shelf.zones.get(zone.name[:-1])
            for (name, _), data in (there or {}).items():
                zone.add_record(Record.new(zone, name, dict(data), lenient=lenient), lenient=lenient)
        return there is not None

    def _look(self, desired):
        self.shelf.desired.append(len(desired.records))

    def _apply(self, plan):
        name = plan.desired.name[:-1]
        self._look(plan.desired)
        if self.token.startswith("reader"):
            raise HTTPError(403)
        if self.shelf.throttle:
            self.shelf.throttle -= 1
            raise HTTPError(429, **{"Retry-After": "0.05"})
        if name in self.shelf.failing:
            raise HTTPError(500)
        if self.shelf.hangs_in_apply:
            self.shelf.go_on.wait(HANGS_S)
        with self.shelf.lock:
            self.shelf.zones.setdefault(name, {})  # as octoDNS' own do: a missing zone is made
            for change in plan.changes:
                new = change.new
                values = [{"preference": v.preference, "exchange": v.exchange} for v in new.values]
                self.shelf.put(name, new.name, "MX", ttl=new.ttl, values=values)
        if self.shelf.lose:
            self.shelf.lose -= 1
            raise ConnectionError("the connection was reset")


class HastyProvider(MemoryProvider):
    """Nobody knows this class, and it deletes first."""

    def _apply_Delete(self, change):
        """Delete."""

    def _apply_Create(self, change):
        """Create."""

    def _apply_Update(self, change):
        """It may create( after delete( as the words here say."""
        self._apply_Delete(change)
        self._apply_Create(change)


class CarefulProvider(HastyProvider):
    """Creates, then deletes."""

    def _apply_Update(self, change):
        """Never delete() before create()."""
        # self._apply_Delete(change) and then self._apply_Create(change) would leave nothing
        self._apply_Create(change)
        self._apply_Delete(change)


class WholeProvider(MemoryProvider):
    """Writes every record of the zone."""

    def _apply(self, plan):
        for record in plan.desired.records:
            self.log.info("%s", record)
