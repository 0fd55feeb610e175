"""What is done once for all hosts of a play of nodes."""

import typing as t

import pytest

pytest.importorskip("jinja2", reason="action plugins run on a controller")

from ansible_collections.eco2.platform.plugins.action import kube_play
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused

STALE = {"name": "n1", "uid": "u", "state": "absent", "force": False}
JOINS = {"node_name": "n1", "join": True, "replace_node": True, "stale_node": STALE, "once": {"kubeconfig": "/a"}}
READY = {"node_name": "n2", "join": False, "once": {"kubeconfig": "/a"}}


class HostVars(t.Dict[str, t.Any]):
    raw_get = dict.__getitem__


class Play(kube_play.ActionModule):
    """Two hosts that have registered these variables, and the results of the modules by name."""

    def __init__(self, a: dict[str, t.Any], b: dict[str, t.Any], **results: dict[str, t.Any]) -> None:
        self.variables = {"hostvars": HostVars(a=a, b=b), "ansible_play_batch": ["a", "b"], "ansible_play_hosts_all": ["a", "b"]}
        self.results, self.ran = results, dict[str, t.Any]()

    def _module(self, name: str, **arguments: t.Any) -> dict[str, t.Any]:
        self.ran[name] = arguments
        return dict(self.results[name])

    def step(self, step: str, **options: t.Any) -> dict[str, t.Any]:
        unset = dict.fromkeys(("wait_timeout", "owner", "exact", "protected"))
        return self.work({"step": step, "settings": [], "cluster_exists": True, "predicted": False, "verify": False, **unset, **options})


def test_hosts_agree_or_are_refused() -> None:
    assert Play({"kube_node_name": "n1"}, {}).step("agree") == {"names": ["n1", "b"]}
    for a, b in (({"x": 1}, {}), ({"node_join_plan": JOINS}, {"node_join_plan": {**READY, "once": {"kubeconfig": "/b"}}})):
        with pytest.raises(Refused):
            Play(a, b).step("agree", settings=["x"])


def test_stale_nodes_of_the_hosts_that_join_are_deleted() -> None:
    play = Play({"node_join_plan": JOINS}, {"node_join_plan": READY}, kube_nodes={"changed": True, "skipped_nodes": ["n1"]})
    done = play.step("replace")
    assert play.ran["kube_nodes"]["nodes"] == [STALE]
    assert done["changed"] and "another machine has registered" in done["verdicts"]["n1"][0]
    assert Play({"node_join_plan": READY}, {}).step("replace")["skipped"]


def test_a_node_that_is_late_is_its_own_hosts_failure() -> None:
    failed = {"failed": True, "msg": "late", "failures": [{"object": "n1", "reason": "is not Ready"}], "skipped_nodes": []}
    done = Play({"node_join_plan": JOINS}, {"node_join_plan": READY}, kube_nodes=failed).step("wait")
    assert done["verdicts"] == {"n1": ["is not Ready"]} and "failed" not in done
    skipped = {"changed": False, "skipped_nodes": ["n1"]}
    play = Play({"node_join_plan": JOINS}, {}, kube_nodes=skipped)
    assert play.step("wait")["verdicts"] == {"n1": ["Node n1 is not registered"]}
    assert play.step("wait", predicted=True)["verdicts"] == {"n1": []}


def test_a_node_that_joined_with_another_address_is_its_own_hosts_failure() -> None:
    there = {"nodes": [{"name": "n1", "addresses": [{"type": "InternalIP", "address": "10.1.0.1"}]}]}
    done = {"changed": False, "skipped_nodes": []}
    for wanted, said in (("10.1.0.1", False), ("10.0.0.1", True), ("", False)):
        play = Play({"node_join_plan": {**JOINS, "node_ip": wanted}}, {}, kube_nodes=done, kube_nodes_info=there)
        (verdict,) = play.step("wait")["verdicts"].values()
        assert bool(verdict) is said
        assert not said or ("is 10.1.0.1, but must be 10.0.0.1" in verdict[0] and "/etc/default/kubelet" in verdict[0])
        assert not play.step("wait", predicted=True)["verdicts"]["n1"]


def test_names_that_are_numbers_are_text_for_all_hosts() -> None:
    assert Play({"kube_node_name": 101}, {}).step("agree") == {"names": ["101", "b"]}
    entry = {"name": 101, "profile": ""}
    done = Play({"node_profile_declared": entry}, {}, kube_nodes={"changed": False}, kube_nodes_info={"nodes": []}).step("profile")
    assert "kube_node_name: is the number 101" in done["verdicts"]["101"][0]


def test_profiles_are_applied_and_judged() -> None:
    a, b = ({"node_profile_declared": {"name": name, "profile": text}} for name, text in (("n1", "--node-labels=x=y"), ("n2", "--wrong")))
    there = {"nodes": [{"name": "n1", "labels": {"x": "z"}}]}
    play = Play(a, b, kube_nodes={"changed": False, "skipped_nodes": []}, kube_nodes_info=there)
    done = play.step("profile")
    assert [node["name"] for node in play.ran["kube_nodes"]["nodes"]] == ["n1"], "a bad profile stops no other"
    assert 'label x is "z"' in done["verdicts"]["n1"][0] and "wrong" in done["verdicts"]["n2"][0]
    assert not play.step("profile", predicted=True)["verdicts"]["n1"]
    assert Play(a, b, kube_nodes={"failed": True, "msg": "lost"}, kube_nodes_info={"msg": "lost"}).step("profile")["verdicts"]["n1"] == [
        "lost"
    ]
    later = Play({**a, "node_join_plan": JOINS}, b, kube_nodes={"changed": False}, kube_nodes_info=there).step("profile", predicted=True)
    assert later["changed"], "a Node that will be another one counts as changed"
    assert Play(a, b).step("profile", cluster_exists=False)["changed"]


def test_what_the_user_may_not_change_is_a_difference_only_to_verify() -> None:
    """Each belongs to the host of its Node."""
    entry = {"node_profile_declared": {"name": "n1", "profile": "--node-labels=x=y"}}
    change = {"kind": "node", "object": "n1", "action": "update"}
    refused = {"failed": True, "msg": "no right", "changes": [], "forbidden": [change]}
    play = Play(entry, {}, kube_nodes=refused, kube_nodes_info={"nodes": [{"name": "n1"}]})
    assert play.step("profile", predicted=True)["verdicts"]["n1"] == ["no right"]
    done = play.step("profile", predicted=True, verify=True)
    assert (done["verdicts"]["n1"], done["changes"], done["changed"]) == ([], [change], True)
    assert done["hosts_of"] == {"n1": "a"}
