"""What is delivered beside the program: the systemd unit and the scripts of the checkout."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from mailwren.cli.main import app
from mailwren.config.values import AUTOMATIC_LISTENERS

ROOT = Path(__file__).parents[2]


def _unit() -> dict[str, dict[str, list[str]]]:
    """The unit file: section, name, values in order."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in (ROOT / "packaging" / "mailwren.service").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            current.setdefault(name, []).append(value)
    return sections


def test_the_unit_starts_reloads_and_reports() -> None:
    """systemd waits until the server is ready, and SIGHUP is its reload."""
    service = _unit()["Service"]
    assert service["Type"] == ["notify"]
    assert service["ExecStart"] == ["/opt/mailwren/bin/mailwren serve --data /var/lib/mailwren"]
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert service["StateDirectory"] == ["mailwren"]
    assert service["StateDirectoryMode"] == ["0700"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("PrivateDevices", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("RestrictNamespaces", "yes"),
        ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
        ("AmbientCapabilities", "CAP_NET_BIND_SERVICE"),
        ("UMask", "0077"),
        ("User", "mailwren"),
    ],
)
def test_the_unit_is_hardened(name: str, value: str) -> None:
    """The server has one privilege, binding low ports, and sees little of the machine."""
    assert _unit()["Service"][name] == [value]


def test_the_unit_keeps_system_calls_to_those_of_services() -> None:
    """First what is allowed, then what is taken away from it."""
    assert _unit()["Service"]["SystemCallFilter"] == ["@system-service", "~@privileged @resources", "setpriority"]


def test_the_unit_lets_the_boot_id_be_read() -> None:
    """Without it every opening of an account would count as one after a power cut."""
    assert "ProcSubset" not in _unit()["Service"]


def test_the_units_command_exists() -> None:
    """It starts a command that there is, with an option that there is."""
    assert any(command.name == "serve" for command in app.registered_commands)
    assert {listener.port for listener in AUTOMATIC_LISTENERS} == {143, 993}


@pytest.mark.parametrize(("script", "shell"), [("test", "sh"), ("check", "sh"), (".ci/run", "bash")])
def test_the_scripts_are_programs(script: str, shell: str) -> None:
    """They may be executed, and their shell understands them."""
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith(f"#!/bin/{shell}\n")
    subprocess.run([shell, "-n", path], check=True)


def test_the_readme_gives_each_step_in_one_line() -> None:
    """One command installs and starts, one tests."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks[:2] == [
        "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/mailwren serve\n",
        "./test\n",
    ]
