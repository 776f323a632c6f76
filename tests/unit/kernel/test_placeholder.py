"""What looks like ``{host}`` and is not would be handed to a program as it stands."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bcp.contracts.relay import AgentWay
from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.placeholder import host_word, host_words
from bcp.plugins.relays.smtp import QueueSource, SmtpRelaySettings


@pytest.mark.parametrize(
    "word", ["{hosts}", "bcp@{Host}", "{ host }", "${host}", "{{host}}", "{HOSTNAME}", "{host} or {Host}", "%{host}"]
)
def test_what_is_no_placeholder_is_an_error(word) -> None:
    with pytest.raises(ValueError, match="is no placeholder"):
        host_words(["ssh", word])


@pytest.mark.parametrize("word", ["{host}", "bcp@{host}.", "{print $1}", "%{remote_host}", "ghost", "{}", '{"a": 1}'])
def test_what_is_one_or_nothing_of_ours_stays(word) -> None:
    assert host_word(word) == word


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (AgentWay, {"command": ["ssh", "{hosts}"], "key": "env:K"}),
        (AgentWay, {"url": "http://{Host}:1", "key": "env:K"}),
        (RelayMachine, {"reach": ["ssh", "{ host }"]}),
        (QueueSource, {"command": ["ssh", "{hosts}"]}),
        (QueueSource, {"url": "http://{hosts}/"}),
        (SmtpRelaySettings, {"hosts": [{"host": "a.test"}], "drain_command": ["{hosts}"]}),
        (SmtpRelaySettings, {"hosts": [{"host": "a.test"}], "log": "/var/log/{hosts}"}),
    ],
)
def test_it_is_told_wherever_a_host_may_stand(kind, given) -> None:
    with pytest.raises(ValidationError, match="is no placeholder"):
        kind.model_validate(given)
