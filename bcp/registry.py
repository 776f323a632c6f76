"""Which plug-ins there are: the files of our own folder, and entry points of other packages.
Nothing has to be registered.

Kinds are listed from file names and package metadata alone: no plug-in is imported before one of its kind is used.
A package from outside can be wrong in any way (it does not import, it was written for another API, it gives something
else): that is an ``Invalid`` for whoever uses its kind, and a line of ``bcp doctor``; all other plug-ins go on working.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import isfunction
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from bcp.contracts.descriptor import API, Plugin
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from bcp.contracts.action import Action
    from bcp.contracts.plugin import PluginSettings
    from bcp.contracts.probe import Probe

FOLDER = Path(__file__).parent / "plugins"
GROUP = "bcp.plugins."
"""Entry points of plug-ins from outside stand in the group of their family: ``bcp.plugins.channels``."""
NOT_FAMILIES = {"vendors"}
"""Folders with what plug-ins share."""
D = TypeVar("D", bound=Plugin)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Foreign:
    """A plug-in that another package names. ``others`` name the same kind: then none of them is used."""

    point: EntryPoint
    others: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """Name and version of the package that brings it."""
        dist = self.point.dist
        return f"{dist.name} {dist.version}" if dist is not None else self.point.value


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in from outside that cannot be used, and why."""

    family: str
    kind: str
    package: str
    message: str
    hint: str


# -- what there is ---------------------------------------------------------------------------------------------------


@cache
def families() -> tuple[str, ...]:
    """The families, by the folders of ours."""
    found = (m.name for m in iter_modules([str(FOLDER)]) if m.ispkg)  # no look at the disk: we may run from a zip file
    return tuple(sorted(f for f in found if f not in NOT_FAMILIES))


@cache
def own(family: str) -> Mapping[str, str]:
    """Kinds of ours and their modules, from file names only: ``twilio_sms.py`` is ``twilio-sms``.

    An action's kind has points, which a file name cannot tell from hyphens: see ``actions``.
    """
    names = sorted(m.name for m in iter_modules([str(FOLDER / family)]))
    return {n.replace("_", "-"): f"bcp.plugins.{family}.{n}" for n in names if not n.startswith("_")}


@cache
def _points() -> tuple[EntryPoint, ...]:
    """All entry points in our groups. Unreadable metadata of some package hides none of the others."""
    from importlib.metadata import distributions  # only where a kind is not ours, or all are listed

    found: list[EntryPoint] = []
    seen = set()
    for dist in distributions():
        try:
            if GROUP not in (dist.read_text("entry_points.txt") or ""):
                continue  # nearly all: their names, which are in a file of their own, need not be read
            name = dist.metadata["Name"]
            points = [p for p in dist.entry_points if p.group.startswith(GROUP)]
        except Exception:  # noqa: S112 - whatever is wrong with a stranger's metadata, it is no plug-in of ours
            continue
        if points and name not in seen:  # the first on the path is the one that is imported
            seen.add(name)
            found += points
    return tuple(found)


@cache
def foreign(family: str) -> Mapping[str, Foreign]:
    """Kinds from outside, by what packages say of themselves. None of them is imported."""
    out: dict[str, Foreign] = {}
    for point in _points():
        if point.group == GROUP + family:
            first = out.get(point.name)
            others = (*first.others, Foreign(point).package) if first is not None else ()
            out[point.name] = Foreign(first.point if first is not None else point, others)
    return out


def has(family: str, kind: str) -> bool:
    """Is there such a kind? Packages' metadata is read only where it is not one of ours."""
    return kind in own(family) or kind in foreign(family)


@cache
def kinds(family: str) -> tuple[str, ...]:
    """All kinds of a family."""
    return tuple(sorted({*own(family), *foreign(family)}))


# -- what they are ---------------------------------------------------------------------------------------------------


@cache
def load(family: str, kind: str) -> Plugin:
    """Import one plug-in and give what it says of itself.

    Raises:
        Invalid: there is no such kind (the message suggests one), or the package that brings it is wrong.
    """
    if kind in own(family):
        found: Plugin = importlib.import_module(own(family)[kind]).PLUGIN
        return found
    if kind in foreign(family):
        return _checked(family, kind, foreign(family)[kind])
    raise Invalid(f"there is no kind {kind!r} of {family}", hint=did_you_mean(kind, kinds(family)))


def find(descriptor: type[D], kind: str) -> D:
    """The same, typed: ``find(ChannelPlugin, "ntfy")``. Raises ``Invalid``."""
    found = load(descriptor.family, kind)
    if not isinstance(found, descriptor):
        raise Invalid(
            f"the plug-in {descriptor.family}/{kind} says it is a {type(found).__name__}",
            hint=f"Its PLUGIN must be a {descriptor.__name__}.",
        )
    return found


def _checked(family: str, kind: str, there: Foreign) -> Plugin:
    """A plug-in from outside, once it has proved to be one."""
    what = f"the plug-in {family}/{kind} of {there.package}"
    if there.others:
        raise Invalid(f"{what} is also brought by {', '.join(there.others)}", hint="Uninstall all but one of them.")
    try:
        found = there.point.load()
    except (Exception, SystemExit) as error:
        raise Invalid(
            f"{what} cannot be imported: {type(error).__name__}: {str(error)[:200]}",
            hint=f"Update or uninstall {there.package.partition(' ')[0]}.",
        ) from error
    if isinstance(found, ModuleType):
        found = getattr(found, "PLUGIN", None)
    if not isinstance(found, Plugin):
        raise Invalid(f"{what} has no PLUGIN that is one", hint="See docs/howto/write-a-plugin.md.")
    if found.api != API:
        raise Invalid(
            f"{what} is written for API {found.api}, and this is API {API}",
            hint=f"Install a {'newer' if found.api < API else 'older'} {there.package.partition(' ')[0]}, or another "
            "bcp.",
        )
    if found.family != family or _kind_of(found) != kind:
        raise Invalid(
            f"{what} says it is {found.family}/{_kind_of(found)}", hint="Its entry point and its PLUGIN must agree."
        )
    if lacks := _unwritten(found):
        raise Invalid(
            f"{what} does not keep its contract: it has no {', '.join(lacks)}", hint="Report it to its author."
        )
    return found


def _unwritten(found: Plugin) -> list[str]:
    """Methods of the contract that its class has not; empty where ``make`` is no class, or finds them otherwise."""
    of, made_of = found.promises, found.make
    if of is None or not isinstance(made_of, type) or hasattr(made_of, "__getattr__"):
        return []
    named = [n for n in _names(of) if isfunction(vars(of).get(n))]
    if not getattr(of, "_is_protocol", False):
        return [n for n in named if n in getattr(made_of, "__abstractmethods__", ())]
    return [n for n in named if getattr(made_of, n, vars(of)[n]) is vars(of)[n]]


def _kind_of(found: Plugin) -> str:
    """Its kind, or ``?`` where asking for it fails."""
    try:
        return str(found.kind)
    except Exception:
        return "?"


def made(create: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a descriptor's ``create``. What comes out keeps the contract's names,
    or it is ``Invalid`` and says what lacks.

    Types are mypy's business, in the plug-in's own file; this is for packages whose authors did not ask it.
    """
    of: Plugin = create.__self__  # type: ignore[attr-defined]
    what = f"the plug-in {of.family}/{_kind_of(of)}"
    try:
        thing = create(*args, **kwargs)
    except BcpError:
        raise
    except Exception as error:
        raise Invalid(
            f"{what} cannot be made: {type(error).__name__}: {error}", hint="Report it to its author."
        ) from error
    lacks = [n for n in _names(of.promises) if not _kept(thing, of.promises, n)] if of.promises is not None else []
    if lacks:
        raise Invalid(
            f"{what} does not keep its contract: it has no {', '.join(lacks)}", hint="Report it to its author."
        )
    return thing


def _kept(thing: object, contract: Any, name: str) -> bool:
    """Is it there? What a protocol only names, and a subclass of it only inherits, is not: it would do nothing."""
    named_only = getattr(contract, "_is_protocol", False) and name in vars(contract)
    return hasattr(thing, name) and not (named_only and getattr(type(thing), name, None) is vars(contract)[name])


def _names(contract: Any) -> tuple[str, ...]:
    """What a contract demands by name."""
    names = {n for c in contract.__mro__ for n in (*vars(c), *getattr(c, "__annotations__", ())) if c is not object}
    kept = vars(contract).keys() | getattr(contract, "__annotations__", {}).keys()
    return tuple(sorted(n for n in names & kept if not n.startswith("_")))


# -- all of a family -------------------------------------------------------------------------------------------------


def each(family: str) -> dict[str, Plugin]:
    """Every usable plug-in of a family by kind. What is wrong with the others: ``broken``."""
    out = {}
    for kind in kinds(family):
        try:
            found = load(family, kind)
        except Invalid:
            if kind in own(family):
                raise
            continue
        out[found.kind] = found
    return dict(sorted(out.items()))


def broken() -> list[Broken]:
    """Every plug-in from outside that cannot be used. Imports all of them."""
    out = []
    for point in _points():
        family, package = point.group.removeprefix(GROUP), Foreign(point).package
        message, hint = "", ""
        if family not in families():
            message, hint = f"there is no family {family!r}", did_you_mean(family, families())
        elif point.name in own(family):
            message, hint = f"a kind {point.name!r} comes with bcp itself, and is used", "Its author must rename it."
        else:
            try:
                found = load(family, point.name)
                if family == "actions":
                    made(found.create)  # type: ignore[attr-defined]  # the one family that is made of nothing
            except Invalid as error:
                message, hint = error.message, error.hint
        if message:
            out.append(Broken(family, point.name, package, message, hint))
    return out


def settings_class(family: str, kind: str) -> type[PluginSettings]:
    """The settings model of a plug-in. Raises ``Invalid``."""
    from bcp.contracts.plugin import Configured  # pydantic, only where something is configured

    found = load(family, kind)
    if not isinstance(found, Configured):
        raise Invalid(f"{family}/{kind} has no settings", hint="It cannot stand in bcp.yaml.")
    model: type[PluginSettings] = found.settings
    return model


@cache
def actions() -> dict[str, Action[Any]]:
    """All actions by kind, one object each."""
    from bcp.contracts.action import ActionPlugin

    out = {}
    for kind, found in each(ActionPlugin.family).items():
        if isinstance(found, ActionPlugin):
            try:
                out[kind] = made(found.create)
            except Invalid:
                if not found.make.__module__.startswith("bcp.plugins."):
                    continue  # named by ``broken``
                raise
    return out


def probe_class(kind: str) -> type[Probe[Any]]:
    """The class of a kind of probe: what it is about, before there is one. Raises ``Invalid``."""
    from bcp.contracts.probe import ProbePlugin

    return find(ProbePlugin, kind).make


def forget() -> None:
    """Look anew: for a process in which packages came or went, such as a test."""
    for cached in (families, own, _points, foreign, kinds, load, actions):
        cached.cache_clear()
