"""The shape of the code: who may import whom, who may ask a clock, which folders there are, how long is long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture import answers
from tests.architecture.answers import (
    answers_have_types,
    edges_read_answers_by_attribute,
    edges_read_the_store_through_views,
    sentences_name_no_command,
)
from tests.architecture.layers import (
    FREE_JSON,
    LARGER_PACKAGES,
    LARGEST_PACKAGE,
    MAY_IMPORT,
    READ_WITH_A_REASON,
    SUBJECTS,
    THIRD_PARTY,
)
from tests.architecture.rules import (
    RULES,
    Rule,
    clocks_are_asked_at_the_edges,
    flow_writes_no_sql,
    frozen_libraries_stand_behind_one_module,
    layers_import_downwards,
    libraries_stay_in_their_layer,
    modules_and_functions_are_short,
    nothing_waits_in_the_broker,
    one_file_each_changes_something_at_the_vendor,
    packages_say_what_they_are,
    questions_are_asked_with_a_permit,
    readers_change_nothing,
    sleeps_have_a_reason,
    subjects_import_downwards,
    the_domain_reaches_nothing_outside,
)
from tests.architecture.sources import PACKAGE, ROOT, Source, packages, sources

EVERY_RULE = (*RULES, *answers.RULES)

PLANTED: list[tuple[Rule, str, str]] = [
    (layers_import_downwards, "domain/clocks.py", "from campaigns.store.database.engine import Store"),
    (layers_import_downwards, "store/runs/runs.py", "from campaigns.flow.runs.rerun import rerun"),
    (layers_import_downwards, "flow/runs/rerun.py", "import campaigns.adapters.redis.pacer"),
    (layers_import_downwards, "sandbox/vendor.py", "from campaigns.adapters.upstream.gateway import HttpGateway"),
    (layers_import_downwards, "adapters/disk/spool.py", "from campaigns import wiring"),
    (layers_import_downwards, "newcomer/door.py", "from campaigns.domain import states"),
    (subjects_import_downwards, "domain/messages/message.py", "from campaigns.domain.sending.pacing import Limits"),
    (subjects_import_downwards, "store/tables/runs.py", "from campaigns.store.runs import runs"),
    (subjects_import_downwards, "store/sending/lanes.py", "from campaigns.store import views"),
    (subjects_import_downwards, "flow/planning/plan.py", "import campaigns.flow.lanes.tick"),
    (subjects_import_downwards, "cli/kit/output.py", "from campaigns.cli.runs.watch import watch"),
    (subjects_import_downwards, "adapters/disk/spool.py", "from campaigns.adapters.redis.pacer import RedisPacer"),
    (libraries_stay_in_their_layer, "flow/sending/send.py", "import httpx"),
    (libraries_stay_in_their_layer, "store/runs/runs.py", "from redis import Redis"),
    (frozen_libraries_stand_behind_one_module, "adapters/upstream/gateway.py", "import httpx"),
    (frozen_libraries_stand_behind_one_module, "adapters/upstream/http_client.py", "import httpcore"),
    (libraries_stay_in_their_layer, "cli/runs/runs.py", "from celery import Celery"),
    (flow_writes_no_sql, "flow/runs/rerun.py", "from sqlalchemy import text"),
    (readers_change_nothing, "store/views/runs.py", "from sqlalchemy import select, update"),
    (readers_change_nothing, "store/proof/verify.py", "from sqlalchemy.dialects.postgresql import insert"),
    (readers_change_nothing, "store/proof/sealed_log.py", "import sqlalchemy as sa\nsa.delete"),
    (readers_change_nothing, "store/views/who.py", "from sqlalchemy import text\ntext('UPDATE run SET state = 1')"),
    (the_domain_reaches_nothing_outside, "domain/clocks.py", "import os.path"),
    (clocks_are_asked_at_the_edges, "flow/lanes/tick.py", "import datetime\ndatetime.datetime.now()"),
    (clocks_are_asked_at_the_edges, "store/runs/runs.py", "import time\ntime.time()"),
    (sleeps_have_a_reason, "worker/tasks.py", "import time\ntime.sleep(1)"),
    (nothing_waits_in_the_broker, "worker/tasks.py", "serve.apply_async(countdown=5)"),
    (nothing_waits_in_the_broker, "worker/tasks.py", "self.retry()"),
    (one_file_each_changes_something_at_the_vendor, "flow/reconcile/search.py", "sender.gateway.send('acct', b'')"),
    (one_file_each_changes_something_at_the_vendor, "flow/sending/send.py", "self._gateway.unsend('acct', '1')"),
    (one_file_each_changes_something_at_the_vendor, "cli/runs/recall.py", "gateway.unsend('acct', '1')"),
    (questions_are_asked_with_a_permit, "cli/demo/story.py", "team = self.parts.gateway().team()"),
    (questions_are_asked_with_a_permit, "flow/lanes/serve.py", "sender.gateway.queue('acct')"),
    (modules_and_functions_are_short, "flow/sending/send.py", "pass\n" * 301),
    (modules_and_functions_are_short, "flow/sending/send.py", "def f() -> None:\n" + "    pass\n" * 41),
    (
        sentences_name_no_command,
        "flow/runs/new.py",
        "raise NotAllowed(f'Run r{n} is paused; `campaigns runs resume r{n}`.')",
    ),
    (sentences_name_no_command, "store/runs/new.py", "WORDS = 'settle it with `runs decide` first'"),
    (sentences_name_no_command, "domain/messages/new.py", "fault('; pass --skip-bad to leave it out')"),
    (answers_have_types, "flow/runs/new.py", "def pause(run: int) -> dict[str, Any]: ..."),
    (answers_have_types, "store/views/new.py", "class V:\n    def rows(self) -> Iterator[dict[str, Any]]: ..."),
    (edges_read_answers_by_attribute, "cli/runs/new.py", "print(run['state'])"),
    (edges_read_answers_by_attribute, "cli/runs/new.py", "print(look.run['holds'][0].kind)"),
    (edges_read_the_store_through_views, "cli/runs/new.py", "from campaigns.store.runs.runs import move_run"),
    (edges_read_the_store_through_views, "worker/new.py", "from campaigns.store import holds"),
    (packages_say_what_they_are, "flow/runs/__init__.py", ""),
    (packages_say_what_they_are, "flow/runs/__init__.py", '"""Runs."""\nfrom campaigns.flow.runs.rerun import rerun'),
]
"""A module that breaks each rule, in each way that matters."""


IN_A_BROWSER = {"browser"}
"""Tests that drive whole pages through a browser, so that they have no one subject."""


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    faults = [fault for source in sources() for fault in rule(source)]
    assert not faults, "\n  ".join([str(rule.__doc__), *faults])


@pytest.mark.parametrize(("rule", "name", "text"), PLANTED, ids=lambda value: getattr(value, "__name__", None))
def test_the_rule_goes_red_on_a_module_that_breaks_it(rule: Rule, name: str, text: str) -> None:
    assert list(rule(Source(name, text)))


def test_every_rule_was_seen_to_go_red() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(EVERY_RULE)


def test_what_the_rules_allow_stays_green() -> None:
    allowed = [
        Source("flow/sending/send.py", "from sqlalchemy import Connection\nsender.gateway.send('acct', b'')"),
        Source("flow/recall/unsend.py", "sender.gateway.unsend('acct', '1')"),
        Source("store/views/runs.py", "from sqlalchemy import select\nfound.update(more)"),
        Source("flow/lanes/tick.py", "from campaigns.flow.planning.plan import plan_run"),
        Source("flow/runs/new.py", 'LIMIT = 3\n"""Above it `campaigns runs list --all` shows more."""'),
        Source("store/runs/content.py", "def message_of_run() -> dict[str, Any]: ..."),
        Source("store/runs/new.py", "def _columns() -> dict[str, Any]: ..."),
        Source("cli/campaigns/new.py", "print(values['text'], rows[0], run.state)"),
        Source("cli/runs/new.py", "from campaigns.store.views.runs import runs"),
    ]
    assert [fault for source in allowed for rule in EVERY_RULE for fault in rule(source)] == []


def test_what_is_free_json_exists() -> None:
    defined = {(source.name, function.name) for source in sources() for function in source.functions()}
    assert FREE_JSON.keys() <= defined


def test_what_an_edge_reads_with_a_reason_is_read() -> None:
    read = {
        (source.name, module.split(".")[2])
        for source in sources()
        for _, module, _ in source.imports()
        if module.startswith("campaigns.store.")
    }
    assert READ_WITH_A_REASON.keys() <= read


def test_every_layer_has_its_rules() -> None:
    layers = {source.layer for source in sources() if source.name != "__init__.py"}
    assert layers == MAY_IMPORT.keys() == THIRD_PARTY.keys()


@pytest.mark.parametrize("layer", SUBJECTS)
def test_every_subject_of_a_layer_has_its_place_in_the_order(layer: str) -> None:
    modules = {path.stem for path in (PACKAGE / layer).glob("*.py")} - {"__init__"}
    assert set(SUBJECTS[layer]) == packages(layer) | modules


def too_large(folder: Path) -> list[str]:
    """The packages below a folder that have more files than a reader takes in at a glance."""
    sizes = {
        init.parent.relative_to(folder).as_posix(): len(list(init.parent.glob("*.py"))) - 1
        for init in folder.rglob("__init__.py")
    }
    return [f"{name}: {size}" for name, size in sizes.items() if size > LARGEST_PACKAGE and name not in LARGER_PACKAGES]


def test_no_package_has_more_files_than_a_reader_takes_in() -> None:
    assert too_large(PACKAGE) == []


def test_a_package_that_is_too_large_is_named(tmp_path: Path) -> None:
    for name in ("__init__", *(f"part{number}" for number in range(LARGEST_PACKAGE + 1))):
        (tmp_path / f"{name}.py").touch()
    assert too_large(tmp_path) == [f".: {LARGEST_PACKAGE + 1}"]


def test_tests_stand_in_the_folders_of_what_they_test() -> None:
    """`ls campaigns/*/recall tests/*/recall` is all of recall."""
    folders = {path.parent for path in (ROOT / "tests").rglob("__init__.py")}
    for layer in SUBJECTS:
        below = {path.name for path in folders if path.parent == ROOT / "tests" / layer}
        assert below - IN_A_BROWSER <= packages(layer), layer


def test_no_test_imports_from_a_test() -> None:
    """Whoever renames a test must not break another one: what tests share stands in a helper module."""
    pattern = re.compile(r"^\s*from tests(\.\w+)*\.test_\w+ import|^\s*from tests[.\w]* import .*\btest_", re.MULTILINE)
    assert pattern.search("from tests.flow.test_handoff import armed")
    importing = [path.name for path in (ROOT / "tests").rglob("test_*.py") if pattern.search(path.read_text())]
    assert importing == []
