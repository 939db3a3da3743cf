"""A search parameter of one's own on a running instance of several processes, and index rows made again."""

import json
import time
from typing import Any

from tests.journeys.running import Running, run

WITHIN = 40


def asked(instance: Running, path: str, token: str, **more: Any) -> Any:
    """The body of an answer that must be a success."""
    status, body = instance.ask(f"/fhir/{path}", token=token, **more)
    assert status in (200, 201), (status, body)
    return json.loads(body)


def test_a_parameter_is_made_and_counts_what_is_there(instance: Running) -> None:
    token = instance.token("admin", "system/*.cruds")
    posted = {
        "resourceType": "SearchParameter",
        "url": "http://vendor.example/SearchParameter/sexe",
        "name": "Sexe",
        "description": "Le sexe, sous un autre nom",
        "status": "active",
        "code": "sexe",
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.gender",
    }
    made = asked(instance, "SearchParameter", token, method="POST", body=posted)
    deadline = time.monotonic() + WITHIN
    while '"ready"' not in (
        told := json.dumps(asked(instance, f"SearchParameter/{made['id']}/$status", token))
    ):
        assert time.monotonic() < deadline, told
        status, _ = instance.ask("/fhir/Patient?sexe=female", token=token)
        assert status in (200, 400, 503)
        time.sleep(0.1)
    for code in ("female", "male"):
        mine = asked(instance, f"Patient?sexe={code}&_summary=count", token)["total"]
        assert mine == asked(instance, f"Patient?gender={code}&_summary=count", token)["total"] > 0


def test_reindex_beside_what_runs(instance: Running) -> None:
    done = run("reindex", "--type", "Patient", data=instance.data)
    assert done.returncode == 0, done.stderr
    assert "Index rows made again" in done.stdout
    odd = run("reindex", "--type", "Patients", data=instance.data)
    assert odd.returncode != 0 and "Patients is no resource type" in odd.stderr
    assert "being indexed" not in run("doctor", data=instance.data).stdout
    same = run("check", "index", data=instance.data)
    assert same.returncode == 0 and " resources compared, 0 faults" in same.stdout, same.stdout + same.stderr
