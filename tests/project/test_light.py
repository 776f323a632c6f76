"""The light way: one file looks where there are no vendors' packages."""

from __future__ import annotations

import os
import subprocess
import sys

from support import ROOT

BLOCK = """
import sys
class No:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"msgraph", "azure", "kiota_http", "kiota_abstractions", "twilio", "slack_sdk", \
"phonenumbers", "cryptography", "fastapi", "jinja2", "rich", "aiosmtpd"}:
            raise ImportError(f"{name} is not on this machine")
sys.meta_path.insert(0, No())
"""


def test_one_file_looks_without_the_vendors_packages(tmp_path) -> None:
    """From any folder: kinds are listed, and a look is a look. The probe runs from inside the file."""
    made = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "light.py"), str(tmp_path / "bcp-light.pyz")],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    env = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")} | {"PYTHONPATH": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(tmp_path / "bcp-light.pyz"), *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
        )

    kinds = run("probe", "https", "--with", "url=http://127.0.0.1:9/")
    assert kinds.returncode == 1 and "refused" in kinds.stdout, kinds.stdout + kinds.stderr
    helped = run("--help")
    assert helped.returncode == 0 and "probe" in helped.stdout, helped.stderr
    mail = run(
        "probe",
        "smtp",
        "--with",
        "host=mx.test",
        "--with",
        "addresses=127.0.0.1",
        "--with",
        "port=9",
        "--with",
        "recipient=a@corp.test",
    )
    assert "smtp" in mail.stdout and mail.returncode in {1, 3, 4}, mail.stdout + mail.stderr
    asked = "from bcp.pages.words import languages, words; print(*languages(), words('de').language)"
    spoken = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, env=env | {"PYTHONPATH": str(tmp_path / "bcp-light.pyz")},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert spoken.stdout.split() == ["de", "en", "de"], spoken.stderr
