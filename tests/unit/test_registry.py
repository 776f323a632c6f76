"""The registry: our folder and packages from outside, of which each may be wrong in a way of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from support import ROOT

from bcp import registry
from bcp.contracts.channel import Channel, ChannelPlugin
from bcp.contracts.descriptor import API, Maturity
from bcp.contracts.dns_settings import DnsPlugin
from bcp.contracts.relay import RelayPlugin
from bcp.kernel.errors import Invalid

CHANNEL = '''
"""``pager``: beeps."""
from typing import Literal
from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.descriptor import Maturity

class PagerSettings(ChannelSettings):
    """A pager."""
    kind: Literal["pager"] = "pager"
    """Which plug-in."""

class Pager(Channel[PagerSettings]):
    kind = "pager"
    form = "sms"
    Settings = PagerSettings

    async def send(self, delivery: Delivery) -> Receipt:
        return Receipt("1")

    def address_of(self, contact: Contact) -> str:
        return contact.phone

PLUGIN = ChannelPlugin(api=1, settings=PagerSettings, make=Pager, maturity=Maturity.PREVIEW)
'''
RELAY = '''
from typing import Literal
from bcp.contracts.relay import RelayPlugin, RelaySettings

class BoxSettings(RelaySettings):
    """A box."""
    kind: Literal["box"] = "box"

class Box:
    def __init__(self, name, settings):
        self.name, self.mx, self.can_count = name, (), False
    async def queue(self): ...
    async def drain(self, domains): ...

PLUGIN = RelayPlugin(api=1, settings=BoxSettings, make=Box)
'''


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Install a package: a module and its entry points, as pip would leave them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def install(package: str, module: str, source: str, *points: str, version: str = "1.0") -> None:
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{package}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        groups: dict[str, list[str]] = {}
        for point in points:
            family, _, rest = point.partition("/")
            groups.setdefault(family, []).append(rest)
        text = "".join(f"[bcp.plugins.{f}]\n" + "\n".join(rows) + "\n" for f, rows in groups.items())
        (info / "entry_points.txt").write_text(text)
        made.append(module)
        registry.forget()

    yield install
    registry.forget()
    for module in made:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("family", registry.families())
def test_ours_are_found_by_their_files_and_say_what_they_are(family) -> None:
    """Every file of a family's folder is a plug-in of that family, for this API, with a line for people."""
    assert registry.kinds(family)
    for kind, plugin in registry.each(family).items():
        assert (plugin.family, plugin.api, plugin.kind) == (family, API, kind)
        assert plugin.doc, f"{family}/{kind} says nothing of itself"
    assert {k.replace(".", "-").replace("_", "-") for k in registry.each(family)} == set(registry.own(family))


def test_a_typed_look_gives_the_family_or_refuses(outside) -> None:
    """find() is what mypy believes, so it may not lie."""
    assert isinstance(registry.find(ChannelPlugin, "ntfy"), ChannelPlugin)
    with pytest.raises(Invalid, match="there is no kind 'ntfi' of channels") as caught:
        registry.find(ChannelPlugin, "ntfi")
    assert "ntfy" in caught.value.hint
    liar = (
        "from bcp.contracts.relay import RelayPlugin, RelaySettings\n"
        "PLUGIN = RelayPlugin(api=1, settings=RelaySettings, make=print)\n"
    )
    outside("liar", "liar_module", liar, "channels/liar = liar_module")
    with pytest.raises(Invalid, match="says it is relays/"):
        registry.find(ChannelPlugin, "liar")


def test_a_package_from_outside_brings_a_kind(outside) -> None:
    """Listed without being imported, then made like one of ours."""
    outside("acme-pager", "acme_pager", CHANNEL, "channels/pager = acme_pager")
    assert "pager" in registry.kinds("channels") and registry.has("channels", "pager")
    assert "acme_pager" not in sys.modules
    plugin = registry.find(ChannelPlugin, "pager")
    assert (plugin.doc, plugin.maturity) == ("beeps.", Maturity.PREVIEW)
    settings = registry.settings_class("channels", "pager").model_validate({"kind": "pager", "depends_on": ["acme"]})
    channel = registry.made(plugin.create, "p", settings)
    assert isinstance(channel, Channel) and channel.fate() == ("acme",)
    assert registry.broken() == []


def test_the_entry_point_may_name_the_object_itself(outside) -> None:
    """``module:PLUGIN`` is the same as ``module``."""
    outside("acme-pager", "acme_pager", CHANNEL, "channels/pager = acme_pager:PLUGIN")
    assert registry.find(ChannelPlugin, "pager").kind == "pager"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("raise RuntimeError('boom')", "cannot be imported: RuntimeError: boom"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit"),
        ("import a_module_that_is_not_there", "cannot be imported: ModuleNotFoundError"),
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("x = 1", "has no PLUGIN that is one"),
        ("PLUGIN = {'api': 1}", "has no PLUGIN that is one"),
        (CHANNEL.replace("api=1", "api=2"), "written for API 2, and this is API 1"),
        (CHANNEL.replace("api=1", "api=0"), "written for API 0, and this is API 1"),
        (CHANNEL.replace("api=1, ", ""), "cannot be imported: TypeError"),
        (CHANNEL.replace('"pager"', '"beeper"'), "says it is channels/beeper"),
    ],
)
def test_a_wrong_package_is_refused_in_words_and_stops_nobody_else(source, says, outside) -> None:
    """Its kind cannot be used; every other one can, and doctor can name it."""
    outside("bad-pager", "bad_pager", source, "channels/pager = bad_pager")
    outside("good-pager", "good_pager", CHANNEL.replace("pager", "beeper"), "channels/beeper = good_pager")
    with pytest.raises(Invalid, match=says) as caught:
        registry.load("channels", "pager")
    assert "bad-pager 1.0" in caught.value.message and caught.value.hint
    assert (
        "beeper" in registry.each("channels")
        and "ntfy" in registry.each("channels")
        and "pager" not in registry.each("channels")
    )
    (found,) = registry.broken()
    assert (found.family, found.kind, found.package) == ("channels", "pager", "bad-pager 1.0") and says in found.message


def test_our_own_kind_wins_and_the_other_is_named(outside) -> None:
    """Nobody can put a channel of their own in the place of ours."""
    outside("evil", "evil", CHANNEL.replace("pager", "ntfy"), "channels/ntfy = evil")
    assert registry.find(ChannelPlugin, "ntfy").make.__module__ == "bcp.plugins.channels.ntfy"
    assert [b.message for b in registry.broken()] == ["a kind 'ntfy' comes with bcp itself, and is used"]


def test_two_packages_with_one_kind_are_both_refused(outside) -> None:
    """Which one would win is chance."""
    outside("one", "one_pager", CHANNEL, "channels/pager = one_pager")
    outside("two", "two_pager", CHANNEL, "channels/pager = two_pager")
    with pytest.raises(Invalid, match="is also brought by"):
        registry.load("channels", "pager")


def test_a_family_that_is_none_is_named(outside) -> None:
    """A slip in a package's metadata is said, with what was meant."""
    outside("slip", "slip", CHANNEL, "channel/pager = slip")
    (found,) = registry.broken()
    assert "no family 'channel'" in found.message and "channels" in found.hint


def test_what_lacks_a_promise_is_refused_before_it_is_made(outside) -> None:
    """For authors who did not ask mypy: the names that are missing are said, also by doctor and `config check`."""
    outside("box", "box_relay", RELAY, "relays/box = box_relay")
    with pytest.raises(Invalid, match="does not keep its contract: it has no fates, probe"):
        registry.find(RelayPlugin, "box")
    assert [b.message.rpartition(": ")[2] for b in registry.broken()] == ["it has no fates, probe"]
    outside("pager", "half_pager", CHANNEL.replace("address_of", "adress_of"), "channels/pager = half_pager")
    with pytest.raises(Invalid, match=r"does not keep its contract: it has no address_of"):
        registry.find(ChannelPlugin, "pager")


def test_what_lacks_a_promise_is_refused_when_it_is_made(outside) -> None:
    """Where a function makes it, nothing is known before."""
    source = RELAY.replace("make=Box", "make=lambda name, settings: Box(name, settings)")
    outside("box", "box_relay", source, "relays/box = box_relay")
    plugin = registry.find(RelayPlugin, "box")
    with pytest.raises(Invalid, match="does not keep its contract: it has no fates, probe"):
        registry.made(plugin.create, "b", plugin.settings())
    raising = CHANNEL.replace(
        "class Pager(Channel[PagerSettings]):",
        "class Pager(Channel[PagerSettings]):\n    def __init__(self, name, settings): raise TypeError('oh')",
    )
    assert raising != CHANNEL
    outside("pager", "half_pager", raising, "channels/pager = half_pager")
    pager = registry.find(ChannelPlugin, "pager")
    with pytest.raises(Invalid, match=r"cannot be made: TypeError: oh"):
        registry.made(pager.create, "p", pager.settings())


def test_what_is_only_inherited_from_a_contract_is_missing(outside) -> None:
    """A subclass of a protocol inherits its methods, which do nothing and give nothing."""
    source = RELAY.replace("class Box:", "class Box(Relay):").replace("import RelayPlugin", "import Relay, RelayPlugin")
    assert "class Box(Relay):" in source and "import Relay, " in source
    outside("box", "heir_relay", source, "relays/box = heir_relay")
    with pytest.raises(Invalid, match="does not keep its contract: it has no fates, probe"):
        registry.find(RelayPlugin, "box")
    outside(
        "can",
        "heir_can",
        source.replace('"box"', '"can"').replace("make=Box", "make=lambda n, s: Box(n, s)"),
        "relays/can = heir_can",
    )
    plugin = registry.find(RelayPlugin, "can")
    with pytest.raises(Invalid, match="does not keep its contract: it has no fates, probe"):
        registry.made(plugin.create, "b", plugin.settings())


def test_an_action_that_cannot_be_made_is_left_out(outside) -> None:
    """All actions are made at once, for lint and for plans: one bad one may not stop them."""
    source = '''
    from bcp.contracts.action import Access, Action, ActionPlugin
    from bcp.contracts.plugin import Args

    class NoArgs(Args):
        """None."""

    class Page(Action[NoArgs]):
        """Pages."""
        kind = "pager.call"
        access = Access.WRITE
        Args = NoArgs

    PLUGIN = ActionPlugin(api=1, make=Page)
    '''
    outside("calls", "pager_calls", source, "actions/pager.call = pager_calls")
    assert "notify" in registry.actions() and "pager.call" not in registry.actions()
    assert "it has no perform" in registry.broken()[0].message
    lines = (
        'kind = "pager.ring"',
        'def __init__(self): raise RuntimeError("oh")',
        "async def perform(self, args, services, step): ...",
    )
    body = "\n        ".join(lines)
    made = source.replace('kind = "pager.call"', body)
    outside("rings", "pager_rings", made, "actions/pager.ring = pager_rings")
    assert "notify" in registry.actions() and "pager.ring" not in registry.actions()
    assert any("cannot be made" in b.message for b in registry.broken())


def test_metadata_of_a_stranger_may_be_rubbish(outside, tmp_path) -> None:
    """Some other package's broken files hide none of the plug-ins."""
    outside("acme-pager", "acme_pager", CHANNEL, "channels/pager = acme_pager")
    (tmp_path / "rubbish-1.0.dist-info").mkdir()
    (tmp_path / "rubbish-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "rubbish-1.0.dist-info" / "entry_points.txt").write_text("[bcp.plugins.channels\nno = = no\n")
    registry.forget()
    assert "pager" in registry.kinds("channels")


def test_kinds_are_listed_without_importing_any_plug_in() -> None:
    """Start-up pays for none of them, nor for pydantic."""
    code = (
        "import sys\nfrom bcp import registry\n[registry.kinds(f) for f in registry.families()]\n"
        "assert not [m for m in sys.modules if m.startswith('bcp.plugins.')], 'a plug-in'\n"
        "assert 'pydantic' not in sys.modules, 'pydantic'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_of_a_contract_are_its_own() -> None:
    """Names with an underscore and object's own are no promise."""
    assert registry._names(DnsPlugin.promises) and not [
        n for n in registry._names(DnsPlugin.promises) if n.startswith("_")
    ]
