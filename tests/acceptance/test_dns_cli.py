"""``bcp dns`` against the lab: the page's own commands, a switch that is watched, and what is broken told as that."""

from __future__ import annotations

import json
import re

from support import ROOT

from bcp.lab.world import EXCHANGE, RELAY

PAGE = ROOT / "docs" / "howto" / "dns-check.md"


def narrow(text: str) -> bool:
    return all(len(line) <= 80 for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines())


def test_the_pages_commands_run_in_their_order(lab) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [x for block in blocks for x in block.splitlines() if x.strip()]
    assert len(lines) == 5
    for line in lines:
        done = lab.run(*line.split()[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        assert "--output" in line or narrow(done.stdout + done.stderr), f"{line}\n{done.stdout}"
        first = done.stdout.splitlines()[0]
        assert first.endswith(".") or "policy" in line or "--output" in line, first


def test_check_says_what_it_found_and_what_an_outage_would_cost(lab) -> None:
    done = lab.run("dns", "check", "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "bcp.dns-check/1" and found["failed"] == 0
    by_aspect = {c["aspect"]: c for c in found["checks"]}
    assert EXCHANGE in by_aspect["reach"]["message"] and "may change it" in by_aspect["right"]["message"]
    assert "2 authoritative" in by_aspect["servers"]["message"]
    parts = found["forecast"]["parts"]
    assert (parts["detection_s"], parts["ttl_s"]) == (6.0, 5.0), "5 looks a second apart, confirmed for one"


def test_policy_is_what_to_paste_and_nothing_else(lab) -> None:
    done = lab.run("dns", "policy", "main")
    assert done.returncode == 0 and "corp.test" in done.stdout and "MX" in done.stdout
    assert lab.secret("tsig") not in done.stdout
    assert json.loads(lab.run("dns", "policy", "--output", "json").stdout)["policies"][0]["kind"] == "rfc2136"
    wrong = lab.run("dns", "policy", "mian")
    assert wrong.returncode == 2 and "main" in wrong.stderr


def test_hosts_are_told_with_and_without_a_configuration(lab, tmp_path) -> None:
    from support import bcp

    for done in (lab.run("dns", "hosts", "--output", "json"), bcp("dns", "hosts", "--output", "json", cwd=tmp_path)):
        kinds = {h["kind"]: h for h in json.loads(done.stdout)["hosts"]}
        assert kinds["rfc2136"]["guard"] == "strong" and kinds["cloudflare"]["guard"] == "weak"
        assert kinds["octodns"]["reads_whole_zone"] and kinds["manual"]["by_hand"]


def test_a_watch_ends_when_all_serve_the_target(lab) -> None:
    """Nothing was switched: the target is the relay, and the time runs out; then the target is what is there."""
    late = lab.run("dns", "watch", "--to", "relay", "--for", "1s", "--every", "300ms", "--output", "json")
    assert late.returncode == 1, late.stderr
    last = json.loads(late.stdout.splitlines()[-1])
    assert not last["done"] and last["clean_at"] is None
    assert {s["state"] for s in last["served"]} == {"old"} and {s["where"] for s in last["served"]} >= {"outside"}
    assert RELAY in json.dumps(last["target"])
    done = lab.run("dns", "watch")
    assert done.returncode == 0 and done.stdout.startswith("All serve the target: 2 of 2 servers, 1 of 1 resolvers."), (
        done.stdout
    )


def test_wrong_words_are_one_sentence(lab) -> None:
    for words in (
        ("watch", "--to", "nowhere"),
        ("watch", "--every", "soon"),
        ("watch", "--resolver", "a=b"),
        ("check", "corp.tset"),
    ):
        done = lab.run("dns", *words)
        assert done.returncode == 2 and done.stderr.count("error:") == 1, done.stderr
        assert "Traceback" not in done.stderr
