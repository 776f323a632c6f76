"""The organisation of the deeds, by a clock that moves when told."""

from __future__ import annotations

import pytest
from unit.deeds.house import CONFIG, CONTACTS, House

from bcp.settings import load
from bcp.testing.clock import FakeClock
from bcp.wiring import make_app

TIME = 1_800_000_000.0
BOOK = """\
version: 1
name: out
title: Out
objectives: {rto_receive: 30m}
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: gate, uses: approval, with: {from: [group:oncall], min: 1, timeout: 10m}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}, undo: automatic}
  - {id: tool, uses: wait, with: {for: 1s}}
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(TIME)


@pytest.fixture
def house(tmp_path, clock: FakeClock) -> House:
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "out.yaml").write_text(BOOK)
    (tmp_path / ".bcp").mkdir()
    house = House(tmp_path)
    house.app = make_app(load(tmp_path / "bcp.yaml"), clock)
    return house
