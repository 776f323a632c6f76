"""``bcp serve`` itself: the daemon and the web server in one loop, signals, a new configuration without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.log import logger
from bcp.server.daemon import Daemon
from bcp.server.parts.heart import notify, watchdog
from bcp.settings import Configuration, load

LOG = logger(__name__)


async def serve(configuration: Configuration, path: Path, ready: Callable[[str], None]) -> int:
    """Until TERM or INT. HUP reads the configuration again. Returns the exit code.

    Raises:
        Invalid: the address is taken, the configuration lacks something.
        Refused: another daemon serves this state folder.
    """
    import uvicorn

    from bcp.server.doors.connections import WAITING, fit_descriptors
    from bcp.server.doors.traces import set_up
    from bcp.server.web import web

    fit_descriptors()
    daemon = Daemon(configuration)
    host, port = daemon.settings.address()
    app = web(daemon)
    daemon.loops += app.state.callers.loops()
    set_up(app, daemon.settings.traces)
    server = uvicorn.Server(config_of(app, host, port))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: reload(daemon, app, path))
    sockets = [_bound(server.config, host, port)]
    try:
        async with asyncio.TaskGroup() as group:
            working = group.create_task(daemon.run())
            serving = group.create_task(_served(server, sockets))
            dog = group.create_task(watchdog(daemon.sight))
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)  # noqa: TID251 - until the socket listens
            for one in sockets if server.started else ():
                one.listen(WAITING)
            notify("READY=1")
            ready(f"http://{daemon.settings.listen}")
            await asyncio.wait([group.create_task(ended.wait()), working, serving], return_when=asyncio.FIRST_COMPLETED)
            notify("STOPPING=1")
            ended.set()
            daemon.stop()
            server.should_exit = True
            dog.cancel()
            await asyncio.wait([working, serving])
    finally:
        app.state.accounts.close()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    return 0


def config_of(app: Any, host: str, port: int) -> Any:
    """How uvicorn is to serve."""
    import uvicorn

    from bcp.server.doors.connections import AT_ONCE, KEEP_S, GuardedProtocol

    return uvicorn.Config(
        app, host=host, port=port, http=GuardedProtocol, ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, backlog=AT_ONCE,
        timeout_keep_alive=int(KEEP_S), timeout_graceful_shutdown=5, h11_max_incomplete_event_size=65_536,
    )  # fmt: skip


async def _served(server: Any, sockets: list[Any]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await server._serve(sockets)  # `serve` would take the signals away from us (uvicorn, Server.capture_signals)


def _bound(config: Any, host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise Invalid(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="Change serve: listen: in bcp.yaml, or end what listens there.",
        ) from error
    made.set_inheritable(False)
    return made


def reload(daemon: Daemon, app: Any, path: Path) -> None:
    """Take over hooks, playbooks, messages and people of a new bcp.yaml. A broken one changes nothing. Where to listen
    and where the state lies stay as they were until a restart; runs under way keep the configuration that they began
    with."""
    from bcp.wiring import make_app

    notify("RELOADING=1")
    try:
        fresh = load(path)
        if fresh.state != daemon.state:
            raise Invalid("the state folder cannot change while the daemon runs", hint="Restart it.")
        made = make_app(fresh, daemon.clock, watching=daemon.app.watching)
        made.make_ready()
    except BcpError as error:
        LOG.error("the configuration was not taken over: %s", error.whole)
        daemon.spawn(_refused(daemon, error.message), "note")
        notify("READY=1")
        return
    old = daemon.app
    daemon.core.app = made
    app.state.hooks.reload()
    daemon.spawn(_replaced(daemon, old), "reload")
    notify("READY=1")
    LOG.info("the configuration was taken over")


async def _refused(daemon: Daemon, text: str) -> None:
    await daemon.writer.do(lambda b: b.note("reload_refused", "", "bcp", text=text[:300]))


async def _replaced(daemon: Daemon, old: Any) -> None:
    await daemon.writer.do(
        lambda b: b.note("reloaded", "", "bcp", configuration=daemon.app.configuration.fingerprint()[:12])
    )
    await asyncio.sleep(30.0)  # noqa: TID251 - what is being sent by the old channels may end
    await old.close()
