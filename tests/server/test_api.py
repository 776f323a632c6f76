"""The API against its own OpenAPI document: nothing that it allows breaks it, nothing it answers is outside of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support import often


def test_schemathesis_finds_nothing(world, tmp_path) -> None:
    """No 5xx, no answer outside of the schema, no request that should have been refused; a token with every scope."""
    w = world().start()
    headers = ["--header", f"Authorization: Bearer {w.token()}"]
    program = Path(sys.executable).parent / "st"
    # a body that violates the schema and is larger than what is read is refused as that
    (tmp_path / "schemathesis.toml").write_text(
        "[checks.negative_data_rejection]\nexpected-statuses = "
        '[400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 422, 428, 429, "5xx"]\n'
    )
    done = subprocess.run(
        [
            str(program),
            "run",
            f"{w.base}/api/v1/openapi.json",
            *headers,
            "--max-examples",
            str(often(5)),
            "--seed",
            "7",
            "--workers",
            "1",
            "--request-timeout",
            "60",
            "--no-color",
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    said = [line[:300] for line in (*done.stdout.splitlines()[-120:], *done.stderr.splitlines()[-20:])]
    assert done.returncode == 0, "\n".join(said)
    assert "Traceback" not in w.errors.read_text(), w.errors.read_text()[-3000:]


def test_tokens_scopes_and_ends(world) -> None:
    """None, a wrong one, one without the scope, one that ended, one that was removed."""
    w = world().start()
    assert w.api("/verdict", token="bcp_nothing")[0] == 401
    assert w.ask("GET", "/api/v1/verdict")[0] == 401
    read = w.token("reads", "read")
    assert w.api("/verdict", token=read)[0] == 200
    assert w.api("/plans", {"playbook": "exchange-inbound-outage"}, token=read)[0] == 403
    short = json.loads(w.run("token", "add", "short", "--scope", "read", "--valid", "1s", "--output", "json").stdout)[
        "token"
    ]
    w.wait(lambda: w.api("/verdict", token=short)[0] == 401)
    assert w.run("token", "remove", "reads").returncode == 0
    assert w.api("/verdict", token=read)[0] == 401
    listed = w.run("token", "list").stdout
    assert "short" in listed and "bcp_" not in listed
    assert w.run("token", "add", "x", "--scope", "everything").returncode == 2


def test_a_plan_by_the_api_asks_people_as_always(world) -> None:
    """Plan, run, question, no: nothing was done."""
    w = world().start()
    status, plan = w.api("/plans", {"playbook": "exchange-inbound-outage"})
    assert status == 200 and not plan["runnable"], plan  # there is no outage
    w.break_("refuse")
    w.wait(lambda: w.api("/questions")[1])  # the daemon's own
    status, said = w.api("/runs/last/abort", {})
    assert status == 200, said
    w.wait(lambda: w.api("/runs/last")[1]["status"] == "aborted")
    status, plan = w.api("/plans", {"playbook": "exchange-inbound-outage"})
    assert status == 200 and plan["runnable"] and plan["changes"], plan
    assert w.api(f"/plans/{plan['id']}/run", {})[0] == 202
    question = w.wait(lambda: [q for q in w.api("/questions")[1] if q["checksum"] == plan["checksum"]])[0]
    assert question["asks"] == "start" and plan["changes"][0]["target"] in question["about"], question
    status, said = w.api(
        f"/questions/{question['id']}/answer",
        {"yes": False, "checksum": question["checksum"]},
        token=w.token("alices", "approve", contact="alice"),
    )
    assert status == 200, said
    w.wait(lambda: w.api("/runs/last")[1]["status"] in {"failed", "aborted"})
    assert w.api("/reports", {"plane": "mailbox", "text": "Outlook does not open", "who": "carol"})[0] == 202


def test_metrics_health_and_what_is_closed(world) -> None:
    """From this machine without a token; through a proxy only with one."""
    w = world().start()
    w.wait(lambda: w.get("/readyz")[0] == 200)
    status, text = w.get("/metrics")
    assert status == 200 and b'bcp_service_state{state="healthy"}' in text and b"bcp_incident_open 0" in text, text
    assert w.get("/metrics", {"X-Forwarded-For": "192.0.2.1"})[0] == 401
    assert w.get("/metrics", {"X-Forwarded-For": "192.0.2.1", "Authorization": f"Bearer {w.token()}"})[0] == 200
    for path in (
        "/static/../accounts.db",
        "/static/%2e%2e/%2e%2e/bcp.yaml",
        "/status/%2e%2e%2fbcp.yaml",
        "/status/entries.json",
        "/runs/..%2f..%2fx/report",
        "/plans/..%2f..%2fserve",
        "/docs",
        "/redoc",
        "/a/" + "x" * 500,
    ):
        assert w.get(path)[0] in {303, 400, 404, 410, 429}, path


def test_another_vantage_point_reports_over_http(world) -> None:
    """`bcp probe --remote-to URL` into `/observations`: sealed, in order, each once."""
    w = world()
    (w.lab.folder / "secrets" / "vantage").write_text("v" * 40)
    w.data["detect"]["vantages"] = {"berlin": {"key": "file:secrets/vantage"}}
    w.write()
    w.start()
    far = w.lab.folder / "far.yaml"
    import yaml

    data = json.loads(json.dumps(w.data))
    data["state"], data["detect"]["vantage"], data["detect"]["key"], data["detect"]["vantages"] = (
        str(w.folder / "far"),
        "berlin",
        "file:secrets/vantage",
        {},
    )
    far.write_text(yaml.safe_dump(data))
    done = w.run("probe", "--remote-to", f"{w.base}/observations", "--once", env={"BCP_CONFIG": str(far)})
    assert done.returncode == 0, done.stderr
    w.wait(lambda: b'vantage="berlin"' in w.get("/metrics")[1])
    assert w.ask("POST", "/observations", b"{}")[0] == 422
    assert w.ask("POST", "/observations", b"\xff\xfe")[0] == 422
