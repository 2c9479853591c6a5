"""The compose file and the image against the code: the same settings, the same commands, nothing secret inside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
import yaml
from redis import AuthenticationError, Redis

from campaigns.cli.main import COMMANDS, cli
from campaigns.embedded.server import find_server
from campaigns.settings import Settings
from tests.embedded.left import wait_until

ROOT = Path(__file__).resolve().parents[1]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()

SETTINGS = {field.alias for field in Settings.model_fields.values()}

OURS = ("migrate", "worker", "beat")
PASSWORDS = {"POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"}
POSTGRES_OWN = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}


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
    assert environment.keys() - SETTINGS == PASSWORDS
    assert {environment[password] for password in PASSWORDS} == {""}, "an older .env would hand them on"
    Settings(**environment)


def secrets_of(name: str) -> dict[str, str]:
    """The secrets of a service: the file that it finds in /run/secrets, and the file on the host."""
    given: dict[str, str] = {}
    for secret in SERVICES[name].get("secrets", []):
        source, target = (secret, secret) if isinstance(secret, str) else (secret["source"], secret["target"])
        given[target] = COMPOSE["secrets"][source]["file"]
    return given


def test_each_service_gets_the_secrets_that_it_needs_and_no_other() -> None:
    assert {name: set(secrets_of(name)) for name in SERVICES} == {
        "postgres": {"postgres_password"},
        "redis": {"redis_password"},
        "roles": {"postgres_password", "postgres_app_password"},
        "migrate": {"DATABASE_URL"},
        "worker": {"DATABASE_URL", "REDIS_URL", "ONLYFANSAPI_API_KEY"},
        "beat": {"DATABASE_URL", "REDIS_URL"},
    }
    assert secrets_of("migrate")["DATABASE_URL"] == "./secrets/OWNER_DATABASE_URL"


def make_secrets(folder: Path) -> dict[str, str]:
    shutil.copy(ROOT / "compose-secrets.sh", folder)
    subprocess.run(["./compose-secrets.sh"], cwd=folder, check=True, capture_output=True, umask=0)
    return {path.name: path.read_text().strip() for path in (folder / "secrets").iterdir()}


def test_the_files_of_the_secrets_are_made_once(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    wanted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert made.keys() == wanted - {"ONLYFANSAPI_API_KEY"}
    passwords = [made[name] for name in ("postgres_password", "postgres_app_password", "redis_password")]
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in passwords)
    assert len(set(passwords)) == 3
    assert make_secrets(tmp_path) == made
    urls = {name: made[name] for name in ("DATABASE_URL", "REDIS_URL")}
    assert [urlsplit(url).password for url in urls.values()] == passwords[1:]
    assert urlsplit(made["OWNER_DATABASE_URL"]).password == passwords[0]


def test_the_passwords_and_the_key_of_an_older_env_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=one\nPOSTGRES_APP_PASSWORD=two\nONLYFANSAPI_API_KEY=three\n")
    made = make_secrets(tmp_path)
    assert (made["postgres_password"], made["ONLYFANSAPI_API_KEY"]) == ("one", "three")
    assert made["DATABASE_URL"] == "postgresql://campaigns_app:two@postgres:5432/campaigns?sslmode=disable"


def test_a_setting_is_read_from_its_secret_file_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "ONLYFANSAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "DATABASE_URL").write_text("postgresql://u:p@postgres/n\n")
    (tmp_path / "ONLYFANSAPI_API_KEY").write_text("ofapi_x\n")
    (tmp_path / "REDIS_URL").write_text("redis://file/0\n")
    monkeypatch.setenv("REDIS_URL", "redis://environment/0")
    found = Settings(_secrets_dir=tmp_path)
    assert found.database_url_setting == "postgresql://u:p@postgres/n"
    assert found.redis_url == "redis://environment/0"
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "ofapi_x"


def test_every_service_is_locked_down() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert "/tmp" in service["tmpfs"], name
        assert "cap_add" not in service, name
        assert name in OURS or service["user"] in {"postgres", "valkey"}, "its entry point would need rights of root"


def test_the_example_environment_names_settings_that_exist() -> None:
    names = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert names <= SETTINGS


def test_the_example_environment_holds_no_secret() -> None:
    for line in (ROOT / ".env.example").read_text().splitlines():
        name, _, value = line.removeprefix("# ").partition("=")
        if "PASSWORD" in name or name.endswith("KEY"):
            assert not value, line


def test_every_image_has_a_version() -> None:
    images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not re.fullmatch(r"[\w/]+:\d+\.\d+(\.\d+)?-[\w-]+", image)] == []
    exact = {"postgres": 1, "valkey/valkey": 2, "python": 2}  # the dots of a release; fewer mean "whatever is newest"
    for image in images:
        name, _, tag = image.partition(":")
        assert tag.partition("-")[0].count(".") == exact[name], image


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
    assert SERVICES["postgres"]["environment"].keys() == POSTGRES_OWN
    for service in SERVICES.values():
        assert [value for value in service.get("environment", {}).values() if "$" in str(value)] == []


def test_only_the_migration_and_the_roles_use_the_owner_of_the_tables() -> None:
    """The application cannot take away the rules of what is written once, nor is it told who could."""
    for name in ("worker", "beat"):
        assert secrets_of(name)["DATABASE_URL"] == "./secrets/DATABASE_URL"
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
    (line,) = [line for line in SERVICES["redis"]["command"][-1].splitlines() if "valkey-server" in line]
    options = dict(re.findall(r"(--[\w-]+) (\S+)", line))
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


def test_the_command_of_redis_asks_for_the_password_that_it_is_given(tmp_path: Path) -> None:
    """The command as it stands, with the embedded server in place of the image's."""
    server = tmp_path / "valkey-server"
    server.symlink_to(find_server())
    (tmp_path / "redis_password").write_text("from the file\n".replace(" ", "-"))
    shell, flag, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets/", f"{tmp_path}/")
    path = tmp_path / "s"
    script = script.replace("valkey-server -", f"valkey-server - --port 0 --unixsocket {path}", 1)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    started = subprocess.Popen([shell, flag, script], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(path.exists)
        with Redis(unix_socket_path=str(path)) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        with Redis(unix_socket_path=str(path), password="from-the-file") as known:
            assert known.config_get("appendonly", "maxmemory-policy") == {
                "appendonly": "yes",
                "maxmemory-policy": "noeviction",
            }
    finally:
        started.kill()
        started.wait()


def test_nothing_listens_outside_the_services_own_network() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service or "network_mode" in service] == []


def test_what_must_outlive_a_container_is_on_a_volume() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = {volume.partition(":")[0] for volume in mounted if not volume.endswith(":ro")}
    assert named == COMPOSE["volumes"].keys() == {"postgres", "redis", "home"}
