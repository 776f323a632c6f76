"""Secrets: a reference is kept, the value is read at the last moment, and no output has it in any form."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from types import ModuleType
from urllib.parse import quote

import pytest
from pydantic import BaseModel, ValidationError

from bcp.kernel import secret
from bcp.kernel.errors import Invalid
from bcp.kernel.secret import HIDDEN, Secret, redact, redact_data, remember, secrets_in


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without secrets of others."""
    monkeypatch.setattr(secret, "_known", {})


class Settings(BaseModel):
    """As plug-ins have them."""

    token: Secret
    more: list[Secret] = []
    deep: dict[str, list[Secret]] = {}


def test_it_prints_its_reference_and_never_its_value(monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter22")
    one = Secret("env:TOKEN")
    assert one.reveal() == "hunter22" and str(one) == repr(one) == f"{one}" == "Secret(env:TOKEN)"
    assert Settings(token="env:TOKEN").model_dump_json() == '{"token":"env:TOKEN","more":[],"deep":{}}'


def test_two_of_the_same_place_are_the_same(tmp_path) -> None:
    assert Secret("file:a") == Secret("file:a") and len({Secret("file:a"), Secret("file:a")}) == 1
    assert Secret("file:a") != Secret("file:b") and Secret("file:a") != Secret("file:a", tmp_path)
    assert Secret("file:a") != "file:a"


@pytest.mark.parametrize("value", ["hunter22", "", "env:", "vault:x", 7, None, ["env:X"]])
def test_a_value_is_refused_and_not_repeated(value) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(token=value)
    assert "never as the value" in caught.value.errors()[0]["msg"]
    assert "hunter22" not in caught.value.errors()[0]["msg"]


def test_one_that_is_one_already_is_kept() -> None:
    one = Secret("env:TOKEN")
    assert Settings(token=one).token is one
    assert Settings.model_json_schema()["properties"]["token"]["pattern"] == "^(env|file|keyring):(.+)$"


def test_all_of_them_are_found_however_deep() -> None:
    a, b, c = Secret("env:A"), Secret("env:B"), Secret("env:C")
    settings = Settings(token=a, more=[b], deep={"x": [c]})
    assert secrets_in(settings) == [a, b, c]
    assert secrets_in({"s": (settings, "text", 7, None)}) == [a, b, c]


@pytest.mark.parametrize("set_", [False, True])
def test_a_variable_that_is_not_set_or_empty_is_named(monkeypatch, set_) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    if set_:
        monkeypatch.setenv("TOKEN", "")
    with pytest.raises(Invalid, match="TOKEN is not set"):
        Secret("env:TOKEN").reveal()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot read"), (b"\xff\xfe", "cannot read"), (b" \n", "is empty")]
)
def test_a_file_that_holds_none_is_named(tmp_path, content, words) -> None:
    if content is not None:
        (tmp_path / "s").write_bytes(content)
    with pytest.raises(Invalid, match=words):
        Secret("file:s", tmp_path).reveal()


def test_a_file_is_found_beside_the_configuration_or_by_its_whole_path(tmp_path, monkeypatch) -> None:
    (tmp_path / "s").write_text(" hunter22\n")
    assert Secret("file:s", tmp_path).reveal() == "hunter22"
    assert Secret(f"file:{tmp_path / 's'}", tmp_path / "elsewhere").reveal() == "hunter22"
    monkeypatch.chdir(tmp_path)
    assert Secret("file:s").reveal() == "hunter22"


def test_the_keyring_is_asked_by_service_and_user(monkeypatch) -> None:
    ring = ModuleType("keyring")
    ring.get_password = lambda service, user: "hunter22" if (service, user) == ("bcp", "me") else None
    monkeypatch.setitem(sys.modules, "keyring", ring)
    assert Secret("keyring:bcp/me").reveal() == "hunter22"
    with pytest.raises(Invalid, match="holds nothing for bcp/you"):
        Secret("keyring:bcp/you").reveal()
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(Invalid, match="extra 'keyring'"):
        Secret("keyring:bcp/me").reveal()


@pytest.mark.parametrize(
    "form",
    [str, lambda v: json.dumps(v)[1:-1], lambda v: quote(v, safe=""), lambda v: b64encode(v.encode()).decode()],
)
def test_no_form_of_it_stays_in_a_text(form) -> None:
    remember('pass"wörd/7')
    assert redact(f"a {form('pass' + chr(34) + 'wörd/7')} b") == f"a {HIDDEN} b"


def test_a_secret_within_a_longer_one_leaves_no_rest() -> None:
    remember("abcd")
    remember("abcdefgh")
    assert redact("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"


def test_what_is_shorter_than_four_characters_is_too_common_to_hide() -> None:
    remember("abc")
    assert redact("abc") == "abc"


def test_nested_data_is_cleaned_in_keys_and_values() -> None:
    remember("hunter22")
    given = {"hunter22": ["x hunter22", ("hunter22", 7)], 7: None}
    assert redact_data(given) == {HIDDEN: [f"x {HIDDEN}", [HIDDEN, 7]], 7: None}


def test_a_value_that_was_read_is_taken_out_of_whatever_is_printed(monkeypatch) -> None:
    """Before it is read nobody knows it; afterwards nobody has to think of it."""
    monkeypatch.setenv("TOKEN", "hunter22-hunter22")
    said = "GET /?key=hunter22-hunter22"
    assert redact(said) == said
    Secret("env:TOKEN").reveal()
    assert redact(said) == f"GET /?key={HIDDEN}" and redact_data({"a": [said]}) == {"a": [f"GET /?key={HIDDEN}"]}
