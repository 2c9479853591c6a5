"""The compose file and the image against the code: the same settings, the same commands, nothing secret inside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from campaigns.cli.main import COMMANDS, cli
from campaigns.settings import Settings

ROOT = Path(__file__).resolve().parents[1]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

SETTINGS = {field.alias for field in Settings.model_fields.values()}

OURS = ("migrate", "worker", "beat")
PASSWORDS = {"POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"}
POSTGRES_OWN = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}


def seconds(words: str) -> float:
    found = re.fullmatch(r"(\d+)s", words)
    assert found, f"'{words}' is not in seconds"
    return float(found[1])


def test_the_services_are_those_that_an_installation_needs() -> None:
    assert set(SERVICES) == {"postgres", "roles", "redis", *OURS}


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist(name: str) -> None:
    words: list[str] = SERVICES[name]["command"]
    command: click.Command | None = cli
    for word in words:
        assert isinstance(command, click.Group), f"{word} stands behind a command that has none below it"
        command = command.get_command(click.Context(command), word)
        assert command is not None, f"there is no command {words}"
    assert words[0] in COMMANDS


@pytest.mark.parametrize("name", OURS)
def test_our_services_get_settings_that_exist(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment.keys() - SETTINGS == {"POSTGRES_PASSWORD"}
    Settings(**environment | {"DATABASE_URL": environment["DATABASE_URL"].split("$")[0] + "x@postgres/campaigns"})


def test_the_example_environment_names_settings_that_exist() -> None:
    names = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert names - SETTINGS == PASSWORDS


def test_the_example_environment_holds_no_secret() -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        name, _, value = line.removeprefix("# ").partition("=")
        if "PASSWORD" in name or name.endswith("KEY"):
            assert not value, line


def test_every_image_has_a_version() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not re.fullmatch(r"[\w/]+:\d[\w.-]*", image)] == []


def test_the_image_has_a_python_that_the_project_takes() -> None:
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    versions = set(re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE))
    assert len(versions) == 1
    assert [int(part) for part in versions.pop().split(".")] >= [int(part) for part in oldest.split(".")]


def test_the_image_is_made_of_files_that_are_there_and_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]
    }
    assert copied == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_and_the_compose_file_hold_no_secret() -> None:
    set_in_image = set(re.findall(r"(?:ENV |ARG | )([A-Z_]+)=", DOCKERFILE))
    assert set_in_image == {"PATH", "PYTHONUNBUFFERED", "CAMPAIGNS_HOME"}
    assert "${POSTGRES_APP_PASSWORD:?" in SERVICES["worker"]["environment"]["DATABASE_URL"]
    assert SERVICES["postgres"]["environment"].keys() == POSTGRES_OWN
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_only_the_migration_and_the_roles_use_the_owner_of_the_tables() -> None:
    """The application cannot take away the rules of what is written once, nor is it told who could."""
    for name in ("worker", "beat"):
        environment = SERVICES[name]["environment"]
        assert environment["DATABASE_URL"].startswith("postgresql://campaigns_app:${POSTGRES_APP_PASSWORD:?")
        assert environment["POSTGRES_PASSWORD"] == "", "env_file would hand it on"
    assert SERVICES["migrate"]["environment"]["DATABASE_URL"].startswith("postgresql://campaigns:${POSTGRES_PASSWORD:?")
    assert SERVICES["roles"]["environment"]["PGUSER"] == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert SERVICES["roles"]["image"] == SERVICES["postgres"]["image"]
    assert SERVICES["migrate"]["depends_on"]["roles"] == {"condition": "service_completed_successfully"}
    (mounted,) = SERVICES["roles"]["volumes"]
    source, inside, how = mounted.split(":")
    assert ((ROOT / source).is_file(), how) == (True, "ro")
    assert f"--file={inside}" in SERVICES["roles"]["command"][-1]


def test_the_image_does_not_run_as_root() -> None:
    assert re.search(r"^USER (?!root)\w+", DOCKERFILE, re.MULTILINE)


def test_a_stopped_worker_may_finish_its_request() -> None:
    grace = seconds(SERVICES["worker"]["stop_grace_period"])
    defaults = Settings.model_fields
    assert grace > defaults["lease_seconds"].default > defaults["request_timeout_seconds"].default


def test_redis_writes_down_the_budget_and_evicts_nothing() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


def test_what_is_waited_for_has_a_health_check_and_roles_wait_for_the_migration() -> None:
    for name in ("worker", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    waited_for = {
        other
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
        if how == {"condition": "service_healthy"}
    }
    assert waited_for == {"postgres", "redis"}
    assert [name for name in (*waited_for, "worker", "beat") if "healthcheck" not in SERVICES[name]] == []


def test_nothing_listens_outside_the_services_own_network() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service or "network_mode" in service] == []


def test_what_must_outlive_a_container_is_on_a_volume() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = {volume.partition(":")[0] for volume in mounted if not volume.endswith(":ro")}
    assert named == COMPOSE["volumes"].keys() == {"postgres", "redis", "home"}
