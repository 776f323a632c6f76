"""The words under a field: read when somebody asks, the same as pydantic finds while it imports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import ConfigDict, Field, TypeAdapter

from bcp import registry
from bcp.contracts.exercise_parts import Value
from bcp.contracts.plugin import Duration, Model
from bcp.kernel.described import descriptions
from bcp.settings import Settings


class Lamp(Model):
    """A lamp."""

    watts: int
    """How bright.
    Indented, on two lines."""
    bare: str = ""
    said: str = Field("", description="What the field says itself.")
    """What stands under it."""
    wait: Duration = 1.0
    """How long it takes."""
    shown_as: str = Field("", alias="as")
    """Has another name outside."""

    def method(self) -> None:
        """Of a method."""
        local: int = 1
        """Of a local variable."""
        assert local

    class Inner:
        """Inside."""

        hidden: int
        """Of somebody else."""


class Torch(Lamp):
    """A lamp to carry."""

    watts: int = 5
    volts: Annotated[float, Field(ge=1)] = 6.0
    """Of its battery."""


def test_each_field_has_the_words_under_it() -> None:
    assert descriptions(Lamp) == {
        "watts": "How bright.\nIndented, on two lines.",
        "said": "What stands under it.",
        "wait": "How long it takes.",
        "shown_as": "Has another name outside.",
    }
    assert descriptions(Lamp.Inner) == {"hidden": "Of somebody else."}


def test_an_inherited_field_keeps_its_words_and_one_declared_anew_has_none() -> None:
    found = descriptions(Torch)
    assert found["wait"] == "How long it takes." and found["volts"] == "Of its battery." and "watts" not in found


def test_a_schema_holds_them_and_a_fields_own_words_win() -> None:
    """Under the name that people write; over the words that a type has for itself."""
    properties = Lamp.model_json_schema(by_alias=True)["properties"]
    assert properties["watts"]["description"].startswith("How bright.")
    assert "description" not in properties["bare"]
    assert properties["said"]["description"] == "What the field says itself."
    assert properties["wait"]["description"] == "How long it takes."
    assert properties["as"]["description"] == "Has another name outside."
    by_name = Lamp.model_json_schema(by_alias=False)["properties"]
    assert by_name["shown_as"]["description"] == "Has another name outside."


def test_a_model_inside_of_a_model_is_described_too() -> None:
    class Room(Model):
        """Has a lamp."""

        lamp: Lamp | None = None
        """The one at the ceiling."""

    schema = Room.model_json_schema()
    assert schema["properties"]["lamp"]["description"] == "The one at the ceiling."
    assert schema["$defs"]["Lamp"]["properties"]["wait"]["description"] == "How long it takes."


@dataclass(frozen=True, slots=True)
class Mark(Value):
    """Of a record."""

    at: float
    """When."""
    what: Literal["a", "b"] = "a"


def test_a_plain_value_of_a_record_is_described() -> None:
    properties = TypeAdapter(Mark).json_schema()["properties"]
    assert properties["at"]["description"] == "When." and "description" not in properties["what"]


def test_what_has_no_source_has_no_words() -> None:
    """Made at run time, written in C, of a module that is gone."""
    assert descriptions(type("Made", (), {"__annotations__": {"a": int}})) == {} == descriptions(int)
    assert descriptions(type("Lost", (), {"__module__": "no.such.module", "__annotations__": {"a": int}})) == {}


def test_a_source_that_is_no_program_any_more_has_no_words(monkeypatch) -> None:
    """Somebody edits the file while we run."""
    monkeypatch.setattr("bcp.kernel.described.inspect.getsource", lambda module: "class Lamp(:")
    assert descriptions(Lamp) == {}


def pydantics(model: type[Model]) -> dict[str, str]:
    """What pydantic itself finds, asked to read one of our classes."""
    from pydantic._internal._docs_extraction import extract_docstrings_from_cls

    return extract_docstrings_from_cls(model, use_inspect=True)


@pytest.mark.parametrize(
    "model", [Settings, *(registry.settings_class("probes", k) for k in ("smtp", "https", "own-mx"))], ids=str
)
def test_it_finds_what_pydantic_finds(model) -> None:
    """In our own classes; pydantic asked by hand."""
    theirs = pydantics(model)
    assert theirs and {n: t for n, t in descriptions(model).items() if n in theirs} == theirs


def test_a_command_reads_no_source() -> None:
    """Reading it was a tenth of the start of every command."""
    code = (
        "import inspect\n"
        "def no(*_): raise SystemExit('the source was read')\n"
        "inspect.findsource = inspect.getsource = inspect.getblock = no\n"
        "import bcp.settings, bcp.playbook.model, bcp.wiring\n"
        "from bcp import registry\n"
        "registry.settings_class('dns', 'rfc2136'), registry.settings_class('probes', 'smtp')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_model_of_ours_asks_pydantic_to_read_the_source() -> None:
    families = [f for f in registry.families() if f not in {"actions", "engines"}]
    assert [registry.settings_class(f, k) for f in families for k in registry.kinds(f)] and registry.actions()
    models: list[type[Model]] = [Model]
    for model in models:
        models += [m for m in model.__subclasses__() if m not in models and m.__module__.startswith("bcp.")]
    assert len(models) > 50
    assert not [m for m in models if ConfigDict(**m.model_config).get("use_attribute_docstrings")]
