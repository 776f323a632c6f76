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
    from bcp.settings import load
    from bcp.wiring import make_app

    return make_app(load(config_path()))


STATE = ".bcp"
"""The state folder beside ``bcp.yaml`` where it names none."""


def state_folder() -> Path:
    """The state folder, without validating the configuration: for commands that must be quick and always work."""
    path = config_path()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {path}: {error}", hint="Check the path.") from error
    folder = Path(_plain(text) or _state_in(text, path))
    return folder if folder.is_absolute() else path.resolve().parent / folder


def _plain(text: str) -> str:
    """The folder where it is written in the plain way, or not at all: then YAML need not be imported (15 ms)."""
    import re

    if len(found := re.findall(r"state['\"]?\s*:|<<|\\", text)) > 1:
        return ""
    plain = re.findall(r"^state: +([A-Za-z0-9_.-]*/[A-Za-z0-9_./-]+) *$", text, re.MULTILINE)
    return plain[0] if plain else "" if found else STATE


def _state_in(text: str, path: Path) -> str:
    """What ``state:`` at the top of a configuration says. Raises ``Invalid`` for what is no YAML."""
    import yaml

    try:
        data = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe ones
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"{path} is no YAML: {str(error)[:200]}", hint="bcp config check") from error
    found = data.get("state") if isinstance(data, dict) else None
    return found if isinstance(found, str) and found else STATE


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


def first(error: BaseException) -> BaseException:
    """The first error inside nested groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


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
