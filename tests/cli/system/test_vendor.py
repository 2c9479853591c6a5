"""What commands do when the vendor is asked, by a real client over a real socket."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from campaigns.adapters.upstream.gateway import HttpGateway
from campaigns.flow.lanes.serve import serve_lane
from tests.cli.conftest import Shell, talk
from tests.cli.processes import GIVE_UP_SECONDS, await_words, started
from tests.cli.vendors import vendor
from tests.servers import redis_server
from tests.world import World


@pytest.fixture
def keyed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """With a key set."""
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_good")
    return shell


def test_an_account_that_the_key_sees_is_bound_to_its_team(keyed: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor(team="agency", keys=["ofapi_good"], accounts=["acct_one"]) as url:
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", url)
        result = keyed.run("accounts", "add", "acct_one")
    assert (result.exit_code, talk(result)) == (0, "")
    assert keyed.ok("accounts", "list")[0] | {"upstream": url, "team": "agency"} == keyed.ok("accounts", "list")[0]


def test_a_key_that_the_vendor_refuses(keyed: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor(keys=["ofapi_other"]) as url:
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", url)
        sentence = keyed.refusal("accounts", "add", "acct_one", code=7)
        assert "ofapi_good" not in sentence
        found = {check["part"]: check for check in json.loads(keyed.run("doctor", "--json").stdout)}
    assert (found["vendor"]["state"], found["vendor"]["exit_code"]) == ("fault", 7)
    assert keyed.ok("accounts", "list") == []


def test_an_account_that_the_key_does_not_see_or_that_is_logged_out(
    keyed: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vendor(accounts=["acct_out"], logged_out=["acct_out"]) as url:
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", url)
        assert "the key does not see acct_one (it sees acct_out)" in keyed.run("accounts", "add", "acct_one").stderr
        assert "acct_out needs to log in again" in keyed.run("accounts", "add", "acct_out").stderr
        found = {check["part"]: check["found"] for check in json.loads(keyed.run("doctor", "--json").stdout)}
    assert found["account acct_one"] == "the key does not see it"
    assert found["account acct_out"] == "needs to log in again"


def test_an_account_is_added_unchecked_while_the_vendor_is_away(shell: Shell) -> None:
    result = shell.run("accounts", "add", "acct_one")
    assert result.exit_code == 0
    assert "without having been checked" in result.stderr


def test_a_campaign_of_the_sandbox_never_goes_to_the_vendor(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = str(shell.campaign())
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_good")
    assert "a campaign never changes vendors" in shell.refusal("launch", campaign, code=4)


def test_the_sandbox_alone_listens_until_it_is_stopped(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with started("sandbox", "--port", "0") as sandbox:
        said = await_words(sandbox, "The sandbox listens on http://127.0.0.1:")
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", said.split("listens on ")[1].split(";")[0])
        assert shell.ok("accounts", "add", "acct_one")["team"] == "sandbox"
        sandbox.send_signal(signal.SIGINT)
        assert sandbox.wait(GIVE_UP_SECONDS) == 0


def test_a_faults_file_that_cannot_be_used(shell: Shell) -> None:
    shell.refusal("sandbox", "--port", "0", "--faults", "nowhere.yaml", code=2)
    shell.refusal("sandbox", "--port", "0", "--faults", shell.file("faults.yaml", "fautls: 1\n"), code=2)


def test_limits_shows_the_shared_budget(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as url:
        monkeypatch.setenv("REDIS_URL", url)
        monkeypatch.setenv("CAMPAIGNS_RATE_PER_MINUTE", "600")
        found = shell.ok("limits")
        assert "account gap" in shell.run("limits").stdout
    assert (found["limit_per_minute"], found["reserve"], found["used"], found["credits"]) == (600, 30, 0, None)


def test_a_launch_that_waits_answers_as_runs_show_does(shell: Shell, world: World) -> None:
    campaign = str(shell.campaign("--batch-size", "2"))
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(shell.run("launch", "--yes", campaign, "--wait", "--json"))
    )
    waiting.start()
    while not shell_sees_a_run(world) and waiting.is_alive():
        pass
    world.serve()
    waiting.join(GIVE_UP_SECONDS)
    assert answers[0].exit_code == 0
    answer = json.loads(answers[0].stdout)
    assert (answer["accepted"], answer["run_id"], answer["campaign_id"], answer["held"]) == (5, 1, 1, None)
    assert answer.keys() >= shell.ok("runs", "show", "1").keys()


def test_verify_asks_the_vendor_for_sent_counts_when_told_to(
    shell: Shell, world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with vendor(delivery_start_seconds=0, delivery_seconds=0) as url:
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", url)
        monkeypatch.setenv("REDIS_URL", redis_url)
        shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
        with closing(HttpGateway(url, "sandbox")) as gateway:
            serve_lane(replace(world.sender(), gateway=gateway), "acct_one", lambda: True)
        verify = ("audit", "verify", "--vendor", "1")

        assert "--credits 3" in shell.refusal(*verify, "--credits", "2", code=4)
        assert shell.ok("audit", "verify")["sent_counts"]["told"] == 0
        result = shell.run(*verify)

    assert (result.exit_code, talk(result)) == (0, "Asking the vendor for 3 sent counts: 3 credits.\n")
    assert "The vendor has given the sent counts of 3 of 3 accepted batches." in result.stdout
    assert shell.ok("audit", "verify")["sent_counts"] == {"accepted": 3, "told": 3, "below": []}
    assert talk(shell.run(*verify)) == "Asking the vendor for 0 sent counts: 0 credits.\n"


def shell_sees_a_run(world: World) -> bool:
    return "run_planned" in world.events()
