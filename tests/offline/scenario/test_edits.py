from __future__ import annotations

from podvow.scenario.edits import codes, containers, rule
from podvow.scenario.manifest import load_fixture, merge_patch


def test_codes_are_told_to_the_containers_of_the_fixture() -> None:
    (pod,) = load_fixture("exits-as-told")
    spec = merge_patch(pod, codes(init="1 0", app="42"))["spec"]
    told = {e["name"]: e["value"] for c in (*spec["initContainers"], *spec["containers"]) for e in c["env"]}
    assert told == {"ME": "app", "CODES": "42"}
    assert spec["initContainers"][0]["env"][1] == {"name": "CODES", "value": "1 0"}


def test_fields_of_containers_become_a_patch() -> None:
    rules = [rule([42, 43], operator="NotIn", action="RestartAllContainers")]
    patch = containers(apps={"app": {"restartPolicy": "Never", "restartPolicyRules": rules}})
    assert patch == {
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "restartPolicy": "Never",
                    "restartPolicyRules": [
                        {"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [42, 43]}}
                    ],
                }
            ]
        }
    }
