"""Icinga 2 and Nagios themselves, with the commands that the page about hooks shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bcp.plugins.triggers.icinga import Icinga
from server.world import TOKEN

pytestmark = [pytest.mark.real, pytest.mark.slow]
ICINGA = next((p for p in Path("/usr/lib").glob("*/icinga2/sbin/icinga2")), None)
NAGIOS = shutil.which("nagios4", path="/usr/sbin:/usr/bin")
OUTPUT = 'refused "at" port 25, \\ and 50 % of ümlauts'


def shown(system: str, url: str, curl: Path) -> str:
    """The command as our page has it, with the places of this machine."""
    text = Icinga.example.split("# Icinga 2")[1].split("# Nagios")[0 if system == "icinga" else 1]
    return re.sub(r"/etc/\w+/bcp\.curl", str(curl), text.replace("http://127.0.0.1:8080", url))


def check(folder: Path) -> Path:
    """A plug-in: well until a file says otherwise."""
    path = folder / "check"
    broken = f"if test -e {folder}/broken; then cat {folder}/output; exit 2; fi"
    path.write_text(f"#!/bin/sh\n{broken}\n: > {folder}/well\necho well\n")
    path.chmod(0o755)
    (folder / "output").write_text(OUTPUT + '\nmore lines, with "quotes"\n')
    return path


def icinga(folder: Path, url: str, curl: Path) -> list[str]:
    """One host, one service, told at once and again."""
    for name in ("data", "log", "cache", "run", "spool"):
        (folder / name).mkdir()
    (folder / "icinga2.conf").write_text(
        'object CheckerComponent "checker" {}\nobject NotificationComponent "notification" {}\nobject User "duty" {}\n'
        f'object CheckCommand "file" {{ command = [ "{check(folder)}" ] }}\n'
        f'object CheckCommand "well" {{ command = [ "/bin/true" ] }}\n'
        'object Host "mx" { check_command = "well", check_interval = 1s, max_check_attempts = 1 }\n'
        'object Service "smtp" { host_name = "mx", check_command = "file", check_interval = 1s, retry_interval = 1s, '
        "max_check_attempts = 1 }\n"
        f"{shown('icinga', url, curl)}\n"
        'object Notification "n" { host_name = "mx", service_name = "smtp", command = "bcp", users = [ "duty" ], '
        "interval = 1s, types = [ Problem, Recovery ], states = [ Critical, OK ] }\n"
    )
    places = [
        f"-D{n}={folder}/{d}"
        for n, d in (
            ("DataDir", "data"),
            ("LogDir", "log"),
            ("CacheDir", "cache"),
            ("InitRunDir", "run"),
            ("SpoolDir", "spool"),
        )
    ]
    return [str(ICINGA), "daemon", "-c", str(folder / "icinga2.conf"), "-DRunAsUser=root", "-DRunAsGroup=root", *places]


def nagios(folder: Path, url: str, curl: Path) -> list[str]:
    """The same."""
    (folder / "results").mkdir()
    (folder / "objects.cfg").write_text(
        f"{shown('nagios', url, curl)}\n"
        f"define command {{\n command_name file\n command_line {check(folder)}\n}}\n"
        f"define command {{\n command_name well\n command_line /bin/true\n}}\n"
        "define timeperiod {\n timeperiod_name always\n alias always\n monday 00:00-24:00\n tuesday 00:00-24:00\n"
        " wednesday 00:00-24:00\n thursday 00:00-24:00\n friday 00:00-24:00\n saturday 00:00-24:00\n"
        " sunday 00:00-24:00\n}\n"
        "define contact {\n contact_name duty\n host_notification_period always\n service_notification_period always\n"
        " host_notification_options n\n service_notification_options c,r\n host_notification_commands bcp\n"
        " service_notification_commands bcp\n}\n"
        "define host {\n host_name mx\n address 127.0.0.1\n check_command well\n max_check_attempts 1\n"
        " check_interval 1\n contacts duty\n check_period always\n notification_period always\n}\n"
        "define service {\n host_name mx\n service_description smtp\n check_command file\n max_check_attempts 1\n"
        " check_interval 1\n retry_interval 1\n notification_interval 2\n contacts duty\n check_period always\n"
        " notification_period always\n notification_options c,r\n}\n"
    )
    (folder / "nagios.cfg").write_text(
        f"cfg_file={folder}/objects.cfg\nlog_file={folder}/nagios.log\nobject_cache_file={folder}/cache\nprecached_object_file={folder}/pre\nstatus_file={folder}/status\n"
        f"state_retention_file={folder}/retention\ntemp_file={folder}/tmp\ntemp_path={folder}\nlock_file={folder}/lock\ncheck_result_path={folder}/results\nquery_socket={folder}/qh\ncommand_file={folder}/cmd\n"
        "nagios_user=root\nnagios_group=root\ninterval_length=1\ncheck_external_commands=0\nuse_syslog=0\nenable_notifications=1\nexecute_service_checks=1\nenable_environment_macros=0\n"
        "service_inter_check_delay_method=n\nmax_service_check_spread=1\nillegal_macro_output_chars=`~$&|'\"<>\n"
    )
    return [str(NAGIOS), str(folder / "nagios.cfg")]


SYSTEMS = {"icinga": (icinga, ICINGA), "nagios": (nagios, NAGIOS)}


def told_of(w) -> int:
    """How many notifications the daemon took."""
    return w.errors.read_text().count("POST /hooks/icinga 202")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_command_of_our_page_says_what_happened(world, tmp_path, system) -> None:
    """Broken: one incident, however often it is told; output with quotes and all. Well: resolved."""
    configure, there = SYSTEMS[system]
    if not there or os.getuid() != 0:
        pytest.skip(f"not installed, or not root: {system}")
    w = world()
    w.data["serve"]["hooks"]["icinga"] = {"kind": "icinga", "auth": {"bearer": ["file:secrets/am"]}, "mode": "notify"}
    w.write()
    w.start()
    folder = tmp_path / system
    folder.mkdir()
    curl = folder / "bcp.curl"
    curl.write_text(f'header = "Authorization: Bearer {TOKEN}"\n')
    log = (folder / "console").open("w")
    process = subprocess.Popen(configure(folder, w.base, curl), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def told() -> str:
        return "\n".join(
            p.read_text(errors="replace")[-2000:]
            for p in (folder / "console", folder / "nagios.log", w.errors)
            if p.exists()
        )

    try:
        w.wait((folder / "well").exists)  # it is well at first
        (folder / "broken").touch()
        (incident,) = w.wait(lambda: w.api("/incidents")[1]) or [told()]
        assert (
            incident["title"].startswith("refused")
            and "port 25" in incident["title"]
            and "ümlauts" in incident["title"]
        ), (incident, told())
        assert system == "nagios" or incident["title"].startswith(OUTPUT), (incident, told())  # Nagios takes quotes out
        w.wait(lambda: told_of(w) >= 2)  # it tells again
        assert len(w.api("/incidents")[1]) == 1
        (folder / "broken").unlink()
        w.wait(lambda: w.api("/incidents")[1][0]["state"] == "closed")
        w.wait(lambda: told_of(w) >= 3)  # it is well again, says the monitoring system too
    except AssertionError as error:
        raise AssertionError(f"{error}\n{told()}") from error
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()
    sent = told_of(w)
    assert sent >= 3 and "POST /hooks/icinga 4" not in w.errors.read_text(), told()
    print(f"{system}: {sent} notifications, one incident")
