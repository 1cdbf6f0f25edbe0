"""The CronJob: its fields are those of batch/v1, and its container does what its policies expect of it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.environment import rest_environment
from support.postgrest import PostgrestDouble
from support.stripe_control import StripeDouble

from billing_cli.cli.app import EXIT_CODES, EXIT_PARTLY_DONE

from .conftest import EVENTS, EXAMPLES, ROOT, TOO_LONG_S, Environment

# The fields of Kubernetes' batch/v1 and core/v1 that the example uses, by the place where they stand.
FIELDS = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "metadata": {"name", "labels"},
    "spec": {
        "schedule",
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "jobTemplate",
    },
    "spec.jobTemplate": {"spec"},
    "spec.jobTemplate.spec": {"backoffLimit", "activeDeadlineSeconds", "podFailurePolicy", "template"},
    "spec.jobTemplate.spec.template": {"metadata", "spec"},
    "spec.jobTemplate.spec.template.spec": {
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "securityContext",
        "containers",
        "volumes",
    },
}
READ_ONLY = Path(__file__).parent / "read_only"


@pytest.fixture(scope="module")
def cronjob() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLES / "cronjob.yaml").read_text())
    return document


@pytest.fixture(scope="module")
def job(cronjob: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = cronjob["spec"]["jobTemplate"]["spec"]
    return spec


@pytest.fixture(scope="module")
def pod(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["template"]["spec"]
    return spec


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


def test_every_field_stands_where_kubernetes_knows_it(cronjob: dict[str, Any]) -> None:
    assert (cronjob["apiVersion"], cronjob["kind"]) == ("batch/v1", "CronJob")
    for place, known in FIELDS.items():
        found = cronjob
        for name in filter(None, place.split(".")):
            found = found[name]
        assert set(found) == known, place


def test_one_at_a_time_in_utc_and_late_enough(cronjob: dict[str, Any]) -> None:
    spec = cronjob["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["timeZone"] == "Etc/UTC"
    minute, hour, *rest = spec["schedule"].split()
    assert rest == ["*", "*", "*"]
    assert 0 < 60 * int(hour) + int(minute) < 24 * 60
    # The last try still has the same yesterday.
    minutes = 60 * int(hour) + int(minute)
    latest_s = 60 * minutes + spec["startingDeadlineSeconds"] + spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
    assert latest_s < 24 * 3600


def test_what_is_repeated_is_what_repeating_mends(job: dict[str, Any], pod: dict[str, Any]) -> None:
    fail, ignore = job["podFailurePolicy"]["rules"]
    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert fail["onExitCodes"]["operator"] == "In"
    assert set(fail["onExitCodes"]["values"]) == set(EXIT_CODES.values()) - {EXIT_PARTLY_DONE, 75}
    assert ignore == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert job["backoffLimit"] > 0
    # A policy needs it.
    assert pod["restartPolicy"] == "Never"


def test_there_is_time_to_stop_in_order(pod: dict[str, Any]) -> None:
    assert pod["terminationGracePeriodSeconds"] > 30


def test_secrets_come_from_a_secret_and_the_gate_is_said_aloud(container: dict[str, Any]) -> None:
    variables = {entry["name"]: entry for entry in container["env"]}
    assert variables.pop("LIVE") == {"name": "LIVE", "value": "true"}
    secrets = {name for name in variables if not name.startswith("BILLING_")}
    assert secrets == {"STRIPE_SECRET_KEY", "SUPABASE_URL", "SUPABASE_SECRET_KEY"}
    for name in secrets:
        reference = variables[name]["valueFrom"]["secretKeyRef"]
        assert reference == {"name": "billing", "key": name.lower().replace("_", "-")}


def test_it_may_do_nothing_that_it_need_not(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert mounts == {"/etc/billing": True, "/tmp": False}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.fixture
def values(environment: Environment, rest: PostgrestDouble, stripe: StripeDouble) -> Environment:
    """What the secret holds; and where Stripe is, which stands in no manifest."""
    return rest_environment(rest.url, rest.service_key, stripe.url, live=False)


def run(container: dict[str, Any], values: Environment, directory: Path) -> subprocess.CompletedProcess[str]:
    """The container's command with the container's environment, on a file system that takes no file at all."""
    given = {entry["name"]: entry.get("value") or values[entry["name"]] for entry in container["env"]}
    (command,) = container["command"]
    assert command == "billing"
    return subprocess.run(
        [sys.executable, "-m", "billing_cli", *container["args"]],
        env={
            "PATH": os.defpath,
            "HOME": "/nonexistent",
            "READ_ONLY_ROOT": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{READ_ONLY}:{ROOT}",
            "STRIPE_API_BASE": values["STRIPE_API_BASE"],
            **given,
        },
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=TOO_LONG_S,
        check=False,
    )


def test_the_container_sends_a_day_from_a_file_system_that_is_read_only(
    container: dict[str, Any], values: Environment, stripe: StripeDouble
) -> None:
    done = run(container, values, ROOT / "docs")
    assert done.returncode == 0, done.stderr
    assert len(stripe.events()) == EVENTS


def test_the_file_system_of_these_tests_is_read_only() -> None:
    writing = f"open({str(ROOT / 'written')!r}, 'w')"
    done = subprocess.run(
        [sys.executable, "-c", writing],
        env={"READ_ONLY_ROOT": "true", "PYTHONPATH": str(READ_ONLY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Read-only file system" in done.stderr
    assert not (ROOT / "written").exists()


def test_an_answer_to_be_repeated_is_none_of_those_that_fail_the_job(
    job: dict[str, Any], container: dict[str, Any], values: Environment, stripe: StripeDouble
) -> None:
    stripe.fault(kind="status", status=503, endpoint="/v1/account")
    done = run(container, values, ROOT / "docs")
    assert done.returncode == 75
    assert done.returncode not in job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]


def test_the_alert_rules_name_this_cronjob(cronjob: dict[str, Any]) -> None:
    (group,) = yaml.safe_load((EXAMPLES / "alerts.yaml").read_text())["groups"]
    names = {rule["alert"] for rule in group["rules"]}
    assert names == {"BillingExportFailed", "BillingExportDidNotRun", "BillingExportIsGone"}
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.search(rf'(cronjob|job_name)=~?"{cronjob["metadata"]["name"]}', rule["expr"])
