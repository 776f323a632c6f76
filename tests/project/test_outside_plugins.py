"""Plug-ins from outside and one more file inside: found, checked and used with no edit of ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, bcp

from bcp import registry

EXAMPLE = ROOT / "docs" / "howto" / "example-plugin"
CONFIG = """\
version: 1
organisation: {name: Corp, hotline: "+1", status_page: "https://s.example"}
domains:
  - {name: corp.test, dns: zone, primary: [{host: mx.corp.test}]}
dns: {zone: {kind: acme-zone, folder: zones, timeout: 200ms, authoritative: [127.0.0.1:9], resolvers: [127.0.0.1:9]}}
relays: {box: {kind: acme-box, host: box.acme.test, folder: box}}
channels: {pager: {kind: acme-pager, url: "http://127.0.0.1:9", token: "file:token", timeout: 1s}}
detect: {probes: {tap: {kind: acme-tap, port: 9, timeout: 200ms}}}
serve:
  hooks: {bell: {kind: acme-bell, auth: {hmac: ["file:token"]}}}
  callers: {phone: {kind: acme-phone, key: "file:token"}}
directories: {book: {kind: acme-book, file: book.json, groups: {oncall: g1}}}
contacts: {file: people.csv}
audiences: {oncall: {groups: [oncall]}}
playbooks: [playbooks]
"""
BOOK = """\
version: 1
name: sound
title: Sound the siren and tell people
covers: [B]
activation:
  - {id: siren, uses: acme.siren, with: {seconds: 2}}
  - {id: tell, uses: notify, with: {audience: oncall, template: oncall-investigating, channels: [pager]}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The example as a wheel, in a folder as pip installs it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    shutil.copytree(EXAMPLE, folder / "source")
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(folder / "source")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    done = subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A configuration in which everything is Acme's."""
    folder = tmp_path_factory.mktemp("acme")
    for name in ("zones", "box", "playbooks"):
        (folder / name).mkdir()
    (folder / "bcp.yaml").write_text(CONFIG)
    (folder / "token").write_text("a-token-0123456789")
    (folder / "token").chmod(0o600)
    (folder / "zones" / "corp.test.json").write_text(json.dumps({"hosts": [[0, "mx.corp.test."]], "ttl_s": 300}))
    (folder / "box" / "queue.jsonl").touch()
    (folder / "box" / "up").touch()
    (folder / "book.json").write_text(json.dumps({"people": [{"id": "b", "name": "Bob", "groups": ["g1"]}]}))
    (folder / "people.csv").write_text(
        "id,name,email,phone,language,groups\nbob,Bob,bob@corp.test,+12025550101,en,oncall\n"
    )
    (folder / "playbooks" / "sound.yaml").write_text(BOOK)
    return folder


def acme(place: Path, installed: Path, *arguments: str, more: str = ""):
    """The command, with Acme's package on the path."""
    return bcp(*arguments, cwd=place, env={"PYTHONPATH": f"{ROOT}{os.pathsep}{installed}{more}"}, timeout=120)


def test_a_package_from_outside_is_used_through_the_command(place, installed) -> None:
    """config check, schema, doctor, lint and plan know its kinds; without it they are unknown, with what is meant."""
    checked = acme(place, installed, "config", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    without = bcp("config", "check", cwd=place)
    assert without.returncode == 2 and "there is no kind 'acme-zone' of dns" in without.stderr
    schema = acme(place, installed, "config", "schema").stdout
    assert all(f'"const": "acme-{k}"' in schema for k in ("zone", "box", "pager", "tap", "bell", "phone", "book"))
    doctor = json.loads(acme(place, installed, "doctor", "--output", "json").stdout)["checks"]
    said = {c["subject"]: c for c in doctor}
    assert (
        said["plug-in channels/acme-pager"]["state"] == "ok"
        and "acme-bcp 1.0, API 1, preview" in said["plug-in channels/acme-pager"]["message"]
    )
    assert (
        said["relay-queue box"]["message"] == "0 queued at box"
        and said["channel pager"]["state"] == "warn"
        and said["hook bell"]["state"] == "ok"
        and said["caller phone"]["message"] == "acme-phone, its secrets can be read"
    )
    assert any(s.startswith("dns-reach corp.test") for s in said), sorted(said)
    linted = acme(place, installed, "playbook", "lint", "sound")
    assert "no action" not in linted.stdout + linted.stderr and "acme.siren" not in linted.stderr, linted.stderr
    looked = acme(place, installed, "probe", "acme-tap", "--with", "port=9")
    assert "cannot be read" in looked.stdout, looked.stdout + looked.stderr
    planned = acme(place, installed, "plan", "sound")
    assert "sounds for 2 s" in planned.stdout and "pager" in planned.stdout, planned.stdout + planned.stderr


def test_a_bad_package_beside_it_stops_nobody(place, installed, tmp_path) -> None:
    """It is a warning of doctor, and nothing else."""
    (tmp_path / "evil.py").write_text("raise RuntimeError('boom')\n")
    info = tmp_path / "evil-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 9\n")
    (info / "entry_points.txt").write_text(
        "[bcp.plugins.channels]\nevil = evil\n[bcp.plugins.actions]\nevil.do = evil\n"
    )
    more = os.pathsep + str(tmp_path)
    assert acme(place, installed, "config", "check", more=more).returncode == 0
    doctor = json.loads(acme(place, installed, "doctor", "--output", "json", more=more).stdout)["checks"]
    assert {c["subject"]: c["state"] for c in doctor}["plug-in channels/evil"] == "warn"
    assert "sounds for 2 s" in acme(place, installed, "plan", "sound", more=more).stdout


def test_the_example_passes_its_own_tests(installed) -> None:
    """As its page tells its author to run them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(EXAMPLE / "tests")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{installed}"}, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout or "[100%]" in done.stdout


BAD = {
    "a channel without send": ("pager.py", "async def send(", "async def sent(", "type-abstract"),
    "a channel that returns something else": ("pager.py", "async def send(self, delivery: Delivery) -> Receipt:",
    "async def send(self, delivery: Delivery) -> bool:", r'"send" incompatible with return type'),
    "a relay without fates": ("box.py", "async def fates(", "async def ends(", "incompatible type|arg-type"),
    "a relay that counts in another type": ("box.py", "async def queue(self) -> list[QueuedMail]:",
    "async def queue(self) -> int:", "incompatible type|arg-type"),
    "a DNS host whose proof is a yes": ("zone.py", "async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:",
    "async def prove(self, orders: Sequence[SwapOrder]) -> bool:", r'"prove" incompatible with return type'),
    "a DNS host made otherwise": ("zone.py", "clock: Clock, zones: Mapping[str, str], /) -> None:",
    "clock: Clock) -> None:", "incompatible type|arg-type"),
    "a probe without a look": ("tap.py", "async def look(", "async def watch(", "type-abstract"),
    "a hook that says yes": ("bell.py", "-> list[Alert]:", "-> bool:", r'"alerts" incompatible with return type'),
    "a caller that proves nothing": ("phone.py", "async def prove(", "async def believe(", "type-abstract"),
    "a caller that hears no thing that is said": ("phone.py", "def heard(self, call: Call) -> Said:",
    "def heard(self, call: Call) -> str:", r'"heard" incompatible with return type'),
    "settings of another family": ("tap.py", "class TapSettings(ProbeSettings)", "class TapSettings(PluginSettings)",
    "type-var|not a subtype|must be|Value of type variable"),
    "a directory without managers": ("book.py", "async def managers(", "async def bosses(",
    "incompatible type|arg-type"),
    "an action that performs nothing": ("siren.py", "async def perform(", "async def act(", "type-abstract"),
    "a relay that inherits what it forgot": ("box.py", "class Box:", "class Box(Relay):", "inherit from final class"),
    "a relay that a function makes of anything": ("box.py", "make=Box)", "make=lambda name, settings: settings.host)",
    "incompatible type|arg-type|return-value"),
    "a directory that inherits what it forgot": ("book.py", "class Book:", "class Book(DirectoryService):",
    "inherit from final class"),
    "a directory whose changes are a list": ("book.py", "async def changes(self, since: str = \"\") -> Changes:",
    "async def changes(self, since: str = \"\") -> list[Changes]:", "incompatible type|arg-type"),
    "a directory that is made otherwise": ("book.py", "def __init__(self, name: str, settings: BookSettings)",
    "def __init__(self, settings: BookSettings)", "incompatible type|arg-type"),
    "a DNS host that inherits what it forgot": ("zone.py", "async def progress(", "async def got_far(",
    "incompatible type|arg-type"),
    "an action that performs to a text": ("siren.py", "-> Outcome:", "-> str:",
    r'"perform" incompatible with return type'),
    "a probe that looks to a yes": ("tap.py", "async def look(self) -> Signal:", "async def look(self) -> bool:",
    r'"look" incompatible with return type'),
    "a hook without alerts": ("bell.py", "def alerts(", "def alarms(", "type-abstract"),
    "an engine without view": ("engine", "def view(", "def look(", "incompatible type|arg-type"),
    "an engine whose view is a dictionary": ("engine", "-> RunRecord:", "-> dict[str, Any]:",
    "incompatible type|arg-type"),
    "an engine whose journal cannot claim": ("engine", "-> Journal:", "-> str:", "incompatible type|arg-type"),
    "an engine that inherits what it forgot": ("engine", "class Store:", "class Store(JournalStore):",
    "inherit from final class"),
    "an engine that is made of a path": ("engine", "def __init__(self)", "def __init__(self, folder: Path)",
    "incompatible type|arg-type"),
}  # fmt: skip
ENGINE = '''\
"""``acme-engine``: keeps runs nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.engine import EnginePlugin
from bcp.contracts.journal import Journal, JournalStore, RunRecord
from bcp.kernel.clock import Clock
from bcp.kernel.errors import StorageError


class Store:
    suffix = ".acme"

    def __init__(self) -> None:
        self.made = 0

    def create(self, path: Path, meta: Mapping[str, Any]) -> None:
        raise StorageError("no")

    def open(self, path: Path, clock: Clock) -> Journal:
        raise StorageError("no")

    def view(self, path: Path, *, effects: bool = True) -> RunRecord:
        raise StorageError("no")

    def tell(self, path: Path, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        raise StorageError("no")


PLUGIN = EnginePlugin(api=1, called="acme-engine", make=Store)
'''


def source_of(file: str) -> str:
    """A good plug-in of the example, or the engine above."""
    return ENGINE if file == "engine" else (EXAMPLE / "acme_bcp" / file).read_text()


def test_every_family_has_a_bad_one_that_mypy_refuses() -> None:
    """A new family joins."""
    known = {"pager.py": "channels", "box.py": "relays", "zone.py": "dns", "tap.py": "probes", "bell.py": "triggers",
             "book.py": "directories", "siren.py": "actions", "phone.py": "callers", "engine": "engines"}  # fmt: skip
    assert {known[file] for file, *_ in BAD.values()} == set(registry.families())


def test_mypy_refuses_what_does_not_keep_the_contract(tmp_path) -> None:
    """In the author's own file, where PLUGIN is made: a method that lacks, a wrong type, another factory."""
    for i, (file, old, new, _) in enumerate(BAD.values()):
        text = source_of(file)
        assert old in text, f"{file}: {old}"
        text = text.replace(old, new).replace(
            "from bcp.contracts.probe import",
            "from bcp.contracts.plugin import PluginSettings\nfrom bcp.contracts.probe import",
        )
        text = text.replace("import MailFate,", "import MailFate, Relay,").replace(
            "import Changes,", "import Changes, DirectoryService,"
        )
        (tmp_path / f"bad{i}.py").write_text(text)
    good = {f for f, *_ in BAD.values()}
    for file in good:
        (tmp_path / f"good_{file.removesuffix('.py')}.py").write_text(source_of(file))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "."],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=200,
    )  # fmt: skip
    assert "good_" not in done.stdout, done.stdout
    for i, (name, (_, _, _, says)) in enumerate(BAD.items()):
        mine = "\n".join(line for line in done.stdout.splitlines() if line.startswith(f"bad{i}.py"))
        assert re.search(says, mine), f"mypy lets through {name}:\n{mine}\n{done.stdout[-2000:]}"


DROPPED = {
    "channels/acme_pager.py": "pager.py",
    "probes/acme_tap.py": "tap.py",
    "relays/acme_box.py": "box.py",
    "triggers/acme_bell.py": "bell.py",
    "callers/acme_phone.py": "phone.py",
    "dns/acme_zone.py": "zone.py",
    "actions/acme_siren.py": "siren.py",
    "directories/acme_book.py": "book.py",
}


def test_one_more_file_in_our_own_tree_is_all(tmp_path, place) -> None:
    """One of each family in a copy of the tree: registry, schema, the generated reference and config check follow."""
    for name in ("bcp", "docs", "playbooks"):
        shutil.copytree(ROOT / name, tmp_path / name)  # with what is compiled: it bears the dates of its sources
    for target, source in DROPPED.items():
        shutil.copy(EXAMPLE / "acme_bcp" / source, tmp_path / "bcp" / "plugins" / target)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
        )

    code = (
        "from bcp import registry\n"
        "print([k for f in registry.families() for k in registry.each(f) if k.startswith('acme')], registry.broken())"
    )
    found = run("-c", code)
    assert (
        found.stdout.strip()
        == "['acme.siren', 'acme-phone', 'acme-pager', 'acme-book', 'acme-zone', 'acme-tap', 'acme-box', "
        "'acme-bell'] []"
    ), found.stdout + found.stderr
    checked = run("-m", "bcp", "config", "check", cwd=place)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    made = run("docs/generate.py")
    assert made.returncode == 0, made.stderr
    reference = "".join(
        (tmp_path / "docs" / "reference" / n).read_text()
        for n in ("configuration.md", "actions.md", "hooks.md", "callers.md", "config.v1.schema.json")
    )
    assert all(
        k in reference
        for k in (
            "channels: `acme-pager`",
            "probes: `acme-tap`",
            "relays: `acme-box`",
            "dns: `acme-zone`",
            "## `acme.siren`",
            "[`acme-bell`]",
            "[`acme-phone`]",
            "callers: `acme-phone`",
            "directories: `acme-book`",
            '"const": "acme-pager"',
        )
    )
