"""octoDNS provider classes: found by name, made from a configuration, and known for how they write.

Which classes delete a set before they create the new one was read in the sources of the providers' packages (2026-11):
their ``_apply_Update`` calls ``_apply_Delete`` and then ``_apply_Create``. A class that is not in the list is looked at
in the same way, by its source.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import re
from collections.abc import Mapping
from typing import Any

from bcp.kernel.errors import BcpError, Permanent
from bcp.kernel.secret import Secret

DELETES_FIRST = frozenset(
    {
        "octodns_autodns",
        "octodns_constellix",
        "octodns_digitalocean",
        "octodns_dnsimple",
        "octodns_dnsmadeeasy",
        "octodns_dyn",
        "octodns_easydns",
        "octodns_gandi",
        "octodns_hetzner",
        "octodns_mythicbeasts",
        "octodns_ovh",
        "octodns_rackspace",
    }
)
"""Packages whose update is a delete and then a create: when the second call fails, the domain has no MX at all."""
REWRITES_ZONE = frozenset({"octodns_transip"})
"""Packages that write the whole zone for one change: what they cannot represent would be lost."""
_UPDATE = ("_apply_Update", "_apply_update", "_mod_Update")
_DELETE_THEN_CREATE = re.compile(r"\w*delete\w*\(.*\w*create\w*\(", re.IGNORECASE | re.DOTALL)
_WHOLE = re.compile(r"\bdesired\.records\b")
_CREDENTIAL = re.compile(r"(token|secret|passw\w*|api_?key|private_key|access_key|secret_key)$", re.IGNORECASE)
_REFERENCE = re.compile(r"^(env|file|keyring):.+$")


def package_of(path: str) -> str:
    """The top package of a class path."""
    return path.partition(".")[0]


def with_secrets(value: Any, name: str = "") -> Any:
    """The arguments with every reference (``env:NAME``) as a secret, however deep.

    Raises:
        ValueError: what is named like a credential is written as its value. The value is not in the message.
    """
    if isinstance(value, dict):
        return {k: with_secrets(v, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [with_secrets(v, name) for v in value]
    if not isinstance(value, str):
        return value
    if _REFERENCE.match(value):
        return Secret(value)
    if _CREDENTIAL.search(name):
        hint = " (octoDNS writes env/NAME, here it is env:NAME)" if value.startswith("env/") else ""
        raise ValueError(f"{name} is a secret: write a reference, env:NAME, file:PATH or keyring:SERVICE/USER{hint}")
    return value


def revealed(value: Any) -> Any:
    """The arguments as the provider's class takes them. Raises ``Invalid`` where a reference points at nothing."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {k: revealed(v) for k, v in value.items()}
    return [revealed(v) for v in value] if isinstance(value, list) else value


def load_class(path: str) -> type[Any]:
    """The provider's class.

    Raises:
        Permanent: octoDNS or the provider's package is not installed, or what is named is no provider.
    """
    try:
        from octodns.provider.base import BaseProvider
    except ImportError as error:
        hint = "pip install 'bcp-mail[octodns]'"
        raise Permanent("the back end octodns needs octoDNS, which is not installed", hint=hint) from error
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:  # a package of anybody's
        hint = f"Install the provider's package beside bcp, such as {package_of(path).replace('_', '-')}."
        raise Permanent(f"{module} cannot be imported: {type(error).__name__}", hint=hint) from error
    if not (inspect.isclass(found) and issubclass(found, BaseProvider)):
        raise Permanent(f"{path} is no octoDNS provider", hint="Take class: from your octoDNS file.")
    return found


def make_provider(path: str, name: str, arguments: Mapping[str, Any]) -> Any:
    """A provider of its own: nothing that an older one has cached is believed. Raises ``Permanent``."""
    made = load_class(path)
    try:
        provider = made(name, **revealed(dict(arguments)))
    except BcpError:
        raise
    except TypeError as error:
        hint = "Compare provider: with the provider's page; arguments are those of its octoDNS section."
        raise Permanent(f"{path} does not take these arguments: {error}", hint=hint) from error
    except Exception as error:  # a package of anybody's
        raise Permanent(f"{path} cannot be made: {type(error).__name__}: {error}") from error
    log: Any = getattr(provider, "log", None)
    if isinstance(log, logging.Logger):
        log.setLevel(logging.WARNING)  # at debug level providers log what they send
    return provider


def deletes_first(made: type[Any]) -> bool:
    """Is a change of this class a delete and then a create?"""
    return any(package_of(c.__module__) in DELETES_FIRST for c in made.__mro__) or any(
        _DELETE_THEN_CREATE.search(_source(getattr(made, name))) for name in _UPDATE if hasattr(made, name)
    )


def rewrites_zone(made: type[Any]) -> bool:
    """Does this class write the whole zone for one change?"""
    known = any(package_of(c.__module__) in REWRITES_ZONE for c in made.__mro__)
    return known or bool(_WHOLE.search(_source(made._apply)))


def _source(function: Any) -> str:
    """The body's source without its comments and docstring; empty where it cannot be had."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    body = text.partition("):")[2] or text
    return re.sub(r'("""|\'\'\').*?\1|#[^\n]*', "", body, flags=re.DOTALL)
