"""Sentences of the seed whose wording says more than Kubernetes does; what really happens is judged elsewhere."""

from __future__ import annotations

from podvow.expect import never_said, new_sandbox
from podvow.marks import Trial, claim, scenario
from podvow.scenario.conditions import running


@claim("seed.init-failure.always-restarts-the-pod")
@scenario(
    pod="flaky-init",
    restart_policy="Always",
    # one failure: one restart of the Pod
    edits={"spec": {"initContainers": [{"name": "init-2", "env": [{"name": "FAILURES", "value": "1"}]}]}},
    steady=running("app"),
    hold="quiet",
    typical_s=40,
)
def test_seed_a_failed_init_container_restarts_the_whole_pod(timeline: Trial) -> None:
    timeline.must(new_sandbox(after=None, times=2))


@claim("seed.pod-information.initialised-after-inits")
@scenario(pod="network-in-init", steady=running("app"), typical_s=10)
def test_seed_pod_information_is_initialised_only_after_all_inits(timeline: Trial) -> None:
    timeline.must(never_said("init-1", "own=[0-9.]+"))
