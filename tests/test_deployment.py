"""The files that others run: the Action, the pre-commit hook, and the container, built where a Docker engine is at hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_the_action_runs_its_script_and_names_its_inputs() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    last = action["runs"]["steps"][-1]
    assert "tools/action.sh" in last["run"]
    assert set(action["inputs"]) >= {"paper", "require"}
    script = (ROOT / "tools" / "action.sh").read_text(encoding="utf-8")
    assert all(f"${{{name}" in script or f'"${name}"' in script for name in last["env"])


def test_the_hook_calls_a_command_that_exists() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["entry"].split()[:2] == ["openbook", "advise"]


def test_the_services_are_private_and_need_their_secrets() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    server = compose["services"]["openbook"]
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert "ports" not in compose["services"]["database"]
    assert ":?" in server["environment"]["OPENBOOK_TOKEN"]
    assert "USER openbook" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _engine() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, timeout=20).returncode == 0


@pytest.mark.timeout(900)
def test_the_image_serves() -> None:
    if not _engine():
        pytest.skip("no Docker engine runs here")
    subprocess.run(["docker", "build", "--quiet", "--tag", "openbook-test", str(ROOT)], check=True)
    done = subprocess.run(["docker", "run", "--rm", "openbook-test", "--version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    user = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "id", "openbook-test", "-u"], capture_output=True, text=True
    )
    assert user.stdout.strip() == "10001"
