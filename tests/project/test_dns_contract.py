"""The contract of DNS back ends holds before anything runs: mypy refuses a back end that breaks it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from bcp import registry
from bcp.contracts.dns_settings import DnsSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "bcp" / "testing" / "memory_dns.py").read_text()
BROKEN = {
    "whole": (None, ""),
    "no_progress": (("    async def progress(", "    async def progress_of("), "progress"),
    "inherits_progress": (("    async def progress(", "    async def progress_of("), "WriterFactory"),
    "proves_bool": (
        (
            '-> list[Proof]:\n        """The strong host knows; the others cannot say."""\n'
            "        return [self._prove(o.domain) for o in orders]",
            '-> bool:\n        """No."""\n        return True',
        ),
        "prove",
    ),
    "swaps_one": (
        ("async def swap(self, orders: Sequence[SwapOrder])", "async def swap(self, orders: SwapOrder)"),
        "swap",
    ),
    "answers_swap": (
        ('-> list[Sent]:\n        """Each order once."""', '-> list[str]:\n        """Each order once."""'),
        "swap",
    ),
    "other_factory": (
        ("clock: Clock, zones: Mapping[str, str], /) -> None:", "clock: Clock, /) -> None:"),
        "WriterFactory",
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """What one run of mypy says of every example, and of every back end of ours."""
    folder = tmp_path_factory.mktemp("back_ends")
    for name, (change, _) in BROKEN.items():
        text = EXAMPLE
        if change is not None:
            assert change[0] in text, name
            text = text.replace(*change)
            if not name.startswith("inherits"):  # by its shape alone; the others subclass the contract
                text = text.replace("class MemoryWriter(Writer):", "class MemoryWriter:")
        (folder / f"{name}.py").write_text(text)
    for kind in registry.kinds("dns"):
        module, settings = f"bcp.plugins.dns.{kind.replace('-', '_')}", registry.settings_class("dns", kind).__name__
        made = "create" if inspect.ismodule(registry.load("dns", kind)) else "PLUGIN.make"
        text = (
            f"from {module} import {settings}, {made.partition('.')[0]}\nfrom bcp.contracts.dns import WriterFactory\n"
            "\n"
        )
        text += f"made: WriterFactory[{settings}] = {made}\n"
        (folder / f"ours_{kind.replace('-', '_')}.py").write_text(text)
    files = sorted(folder.glob("*.py"))
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--no-error-summary",
            *map(str, files),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert not ended.stderr, ended.stderr
    return {f.stem: "\n".join(line for line in ended.stdout.splitlines() if f"{f.stem}.py" in line) for f in files}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_mypy_refuses_a_back_end_that_lacks_a_method_or_answers_with_another_type(said, name) -> None:
    """In the author's own file, without running anything; the whole example passes."""
    word = BROKEN[name][1]
    assert bool(said[name]) is bool(word), said[name]
    assert word in said[name]


@pytest.mark.parametrize("kind", registry.kinds("dns"))
def test_our_back_ends_keep_the_contract_and_have_what_every_host_needs(said, kind) -> None:
    """However their factory is written."""
    assert said[f"ours_{kind.replace('-', '_')}"] == ""
    assert issubclass(registry.settings_class("dns", kind), DnsSettings)
