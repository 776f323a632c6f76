"""``bcp run PLAYBOOK`` plans in one event loop and runs in the next, over the same back ends: more domains than are
worked on side by side must be read in both."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import Trouble
from bcp.plugins.vendors.hosted import AT_ONCE
from bcp.testing.clock import FakeClock

COUNT = AT_ONCE * 3


def back_end(kind: str, tmp_path):
    """One that reaches nobody: what is read is why."""
    from bcp.plugins.dns import cloudflare, google

    (tmp_path / "s").write_text("x")
    secret, nobody = f"file:{tmp_path / 's'}", "http://127.0.0.1:9"
    given = {
        "cloudflare": (cloudflare, {"token": secret, "api_url": nobody}),
        "google": (google, {"project": "mail-dns", "metadata_host": "127.0.0.1:9", "endpoint": nobody}),
    }
    module, settings = given[kind]
    plugin = module.PLUGIN
    made = plugin.settings.model_validate({"kind": kind, "timeout": "1s", **settings})
    return plugin.create("main", made, FakeClock(), {})


@pytest.mark.parametrize("kind", ["cloudflare", "google"])
def test_many_domains_are_read_in_the_second_loop_as_in_the_first(kind, tmp_path) -> None:
    writer = back_end(kind, tmp_path)

    async def work():
        try:
            return await writer.read([f"d{n}.test" for n in range(COUNT)])
        finally:
            await writer.close()

    for _ in range(2):
        assert {r.trouble for r in asyncio.run(work())} == {Trouble.UNREACHABLE}
