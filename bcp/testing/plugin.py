"""What every plug-in with a section in ``bcp.yaml`` keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from bcp.contracts.descriptor import API, Maturity
from bcp.contracts.plugin import Around, Configured, Model
from bcp.kernel.described import descriptions
from bcp.kernel.secret import Secret
from bcp.testing.suite import Suite


class ConfiguredSuite(Suite):
    """Its settings are documented, refuse what they do not know, and hold secrets by reference."""

    plugin: ClassVar[Configured[Any]]
    """The descriptor that the module calls ``PLUGIN``."""

    def settings(self) -> dict[str, object]:
        """The section of ``bcp.yaml`` without ``kind``. Secrets: ``self.secret("token")``; the vendor: ``self.url``."""
        return {}

    def model(self, **more: object) -> Any:
        """The same, validated, with the paths in it below ``self.folder``."""
        given = self.plugin.settings.model_validate({"kind": self.plugin.kind, **self.settings(), **more})
        return _anchored(given, self.folder)

    def test_the_descriptor_is_whole(self) -> None:
        """Version, kind, maturity and a line for people."""
        assert self.plugin.api == API, f"written for API {self.plugin.api}, this is {API}"
        assert self.plugin.kind and self.plugin.kind == self.plugin.kind.lower(), f"kind {self.plugin.kind!r}"
        assert isinstance(self.plugin.maturity, Maturity)
        assert self.plugin.doc, "a docstring of the module or the class says what it is, in one line"

    def test_every_setting_is_described(self) -> None:
        """The reference, the schema and the editor's hints are made of the docstrings under the fields."""
        model = self.plugin.settings
        assert (model.__doc__ or "").strip(), f"{model.__name__} has no docstring"
        said = descriptions(model)
        bare = [n for n, f in model.model_fields.items() if not (f.description or said.get(n))]
        assert not bare, f"no docstring under {', '.join(bare)}"
        json.dumps(model.model_json_schema(by_alias=True))  # it can be written down

    def test_unknown_settings_are_refused(self) -> None:
        """A slip in a key is an error with its place, not a setting that does nothing."""
        assert self.plugin.settings.model_config.get("extra") == "forbid", "settings must refuse unknown keys"

    def test_settings_show_no_secret(self) -> None:
        """They are printed in errors and kept in plans."""
        given = self.model()
        self.hides(given, given.model_dump_json(fallback=str) if hasattr(given, "model_dump_json") else "")

    def test_flaws_are_said_and_not_raised(self) -> None:
        """Beside any configuration."""
        for around in (Around("x"), Around("x", ("corp.example",), "https://bcp.example.org")):
            for flaw in self.model().flaws(around):
                assert flaw.rule and flaw.message, f"a flaw needs a rule and words: {flaw!r}"


def _anchored(value: Any, folder: Path) -> Any:
    """Relative paths and secret files count from here, as they count from ``bcp.yaml`` in life."""
    if isinstance(value, Secret):
        return Secret(value.reference, folder)
    if isinstance(value, Path):
        return value if value.is_absolute() else folder / value
    if isinstance(value, Model):
        return value.model_copy(update={n: _anchored(getattr(value, n), folder) for n in type(value).model_fields})
    if isinstance(value, dict):
        return {k: _anchored(v, folder) for k, v in value.items()}
    if isinstance(value, list):
        return [_anchored(v, folder) for v in value]
    return value
