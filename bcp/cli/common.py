"""What several commands need: the configuration, an event loop, people's names.
Imports are light; the heavy ones come when used."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.engine.store import Runs
    from bcp.wiring import App

T = TypeVar("T")
CONFIG_NAMES = ("bcp.yaml", "bcp.yml")


class Place:
    """Where the configuration is; set by the global option."""

    config: str = ""


def config_path() -> Path:
    """The configuration file: --config, else BCP_CONFIG, else bcp.yaml here or in a parent folder.

    Raises:
        Invalid: there is none.
    """
    import os

    given = Place.config or os.environ.get("BCP_CONFIG", "")  # noqa: TID251 - documented
    if given:
        path = Path(given)
        return path / CONFIG_NAMES[0] if path.is_dir() else path
    here = Path.cwd()
    for folder in (here, *here.parents):
        for name in CONFIG_NAMES:
            if (folder / name).is_file():
                return folder / name
    raise Invalid(
        "there is no bcp.yaml here or in a folder above",
        hint="Make one with `bcp init`, or name it: --config FILE. To just look around: bcp drill run",
    )


def app() -> App:
    """Everything the configuration gives."""
    from bcp.cli.render import OUT
    from bcp.settings import load
    from bcp.wiring import make_app

    configuration = load(config_path())
    OUT.zone = configuration.settings.organisation.timezone
    return make_app(configuration)


def state_folder() -> Path:
    """The state folder, without validating the configuration: for commands that must be quick and always work."""
    return basics()[0]


def basics() -> tuple[Path, str, str]:
    """The state folder, the service's name and the organisation's time zone, read as ``state_folder`` reads.

    What is printed from now on is in that zone.
    """
    from bcp.cli.render import OUT
    from bcp.kernel.glance import glance

    path = config_path()
    state, service, zone = ("state",), ("service",), ("organisation", "timezone")
    found = glance(path, (state, service, zone), must=state)
    OUT.zone = found.get(zone, "") or "UTC"
    folder = path.resolve().parent / (found.get(state) or ".bcp")  # an absolute one stays as it is
    return folder, found.get(service, "exchange-online"), OUT.zone


def runs() -> Runs:
    """The runs of the state folder, read without the configuration's plug-ins."""
    from bcp.engine.store import Runs
    from bcp.kernel.clock import SystemClock
    from bcp.store.sqlite.state import SqliteState

    return Runs(SqliteState(state_folder()), SystemClock())


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Errors inside groups come out alone."""
    import asyncio

    from bcp.kernel.errors import BcpError

    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        found = first(group)
        if isinstance(found, BcpError):
            raise found from group
        raise


async def until_told(work: Coroutine[Any, Any, T]) -> T:
    """``work``; by TERM and HUP the process ends as ever, but what was changed at the terminal (a hidden cursor) is
    put back first, as after Ctrl-C."""
    import asyncio
    import contextlib
    import signal

    from bcp.kernel.signals import enders

    loop, task, told = asyncio.get_running_loop(), asyncio.ensure_future(work), list[int]()

    def end(number: int) -> None:
        told.append(number)
        task.cancel()

    for number in {*enders()} - {signal.SIGINT}:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
            loop.add_signal_handler(number, end, number)
    try:
        return await task
    finally:
        if told:
            loop.remove_signal_handler(told[0])
            signal.raise_signal(told[0])


def first(error: BaseException) -> BaseException:
    """The first error inside nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def duration(text: str, option: str) -> float:
    """Seconds of what stands behind an option. Raises ``Invalid``."""
    from bcp.kernel.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise Invalid(f"--{option}: {error}", hint=f"For example --{option} 10m") from error


def pairs(given: list[str] | None, what: str) -> dict[str, str]:
    """``NAME=VALUE`` options. Raises ``Invalid``."""
    out = {}
    for text in given or []:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise Invalid(
                f"--{what} {text!r} is not NAME=VALUE", hint=f"For example --{what} reason='MX host does not resolve'."
            )
        out[name.strip()] = value
    return out
