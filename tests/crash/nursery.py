"""Children that move the MX of one domain there and back at a provider, forked from one process that has imported all.

Each line of the input is a job, perhaps with the moment at which its child is killed (kill -9), counted from where it
has its credential and zone and is about to begin; the answer is how the child ended, and after how many seconds.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import time

import aiohttp  # noqa: F401 - what children would import
import azure.identity  # noqa: F401
import botocore.session
import google.auth.transport.requests
import google.oauth2.service_account  # noqa: F401

from bcp.contracts.dns import MxSet, SwapOrder
from bcp.kernel.clock import SystemClock
from bcp.mx.host import Host


async def there_and_back(job: dict, ready: int) -> None:
    plugin = importlib.import_module(f"bcp.plugins.dns.{job['kind']}").PLUGIN
    settings = plugin.settings.model_validate(job["settings"])
    writer = plugin.create("main", settings, SystemClock(), {})
    host = Host("main", writer, settings, SystemClock(), {})
    before, after = MxSet.from_data(job["before"]), MxSet.from_data(job["after"])
    await host.warm([job["domain"]])
    os.write(ready, b"!")
    await host.swap([SwapOrder(job["domain"], before, after)])
    await host.swap([SwapOrder(job["domain"], after, before)])
    await host.close()


def main() -> None:
    session = botocore.session.Session()  # its data files are read once, before any child
    session.get_service_model("route53")
    for line in sys.stdin:
        job = json.loads(line)
        hear, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            asyncio.run(there_and_back(job, say))
            os._exit(0)
        os.close(say)
        os.read(hear, 1)
        os.close(hear)
        began = time.monotonic()
        if job["kill_s"] is not None:
            time.sleep(job["kill_s"])
            os.kill(pid, signal.SIGKILL)  # nobody has waited for it: the number is still its own
        print(os.waitpid(pid, 0)[1], time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main()
