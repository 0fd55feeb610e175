"""Extra variables of our playbooks, as a survey gives them: blank ones are taken away, and texts are what was typed."""

from __future__ import annotations

import copy
import typing as t
from pathlib import Path

from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.eco2.platform.plugins.plugin_utils import answers


def test_extra_variables_that_are_blank_are_taken_away_and_others_are_left_alone() -> None:
    extra: dict[str, t.Any] = {
        "node_join_existing": "",
        "kube_hosts": None,
        "rabbitmq_url": " ",
        "awx_job_id": "",
        "my_own": None,
        "node_profile_protected": "a.example, b.example",
        "kubernetes_node_sysctls": "net.ipv4.ip_forward: 1",
        "control_plane_schedulable": "false",
        "rabbitmq_queues": '[{"name": "q"}]',
        "sentinel_hosts": '[{"host": "10.0.0.1"}]',
    }
    assert answers.accept(extra) == []
    assert extra == {
        "awx_job_id": "",
        "my_own": None,
        "node_profile_protected": ["a.example", "b.example"],
        "kubernetes_node_sysctls": {"net.ipv4.ip_forward": 1},
        "control_plane_schedulable": False,
        "rabbitmq_queues": [{"name": "q"}],
        "sentinel_hosts": [{"host": "10.0.0.1"}],
    }


def test_a_wrong_extra_variable_is_refused_by_its_name() -> None:
    lines = [str(problem) for problem in answers.accept({"node_profile_exact": "may be", "rabbitmq_prune_limit": "many"})]
    assert lines == [
        'node_profile_exact: is "may be", and must be true or false',
        'rabbitmq_prune_limit: is "many", and must be a whole number',
    ]


def test_a_template_is_left_to_ansible_and_what_a_survey_gives_is_none() -> None:
    template = "{{ groups['workers'] }}"
    trusted = getattr(answers.template, "trust_as_template", str)(template)
    extra: dict[str, t.Any] = {"node_join_names": trusted, "node_profile_protected": wrap_var(template)}
    before = copy.copy(extra)
    assert answers.accept(extra) == []
    assert extra["node_join_names"] == before["node_join_names"]
    assert extra["node_profile_protected"] == [template]


ANSWERS = """
!unsafe 'kube_version': !unsafe '1.30'
!unsafe 'rabbitmq_password': !unsafe '007'
!unsafe 'rabbitmq_vhost': !unsafe 'no'
!unsafe 'node_profile_protected': [!unsafe '0x10', !unsafe 'on']
!unsafe 'kube_zone': !unsafe ''
kube_region: 1.30
my_own: !unsafe '1.30'
"""


def test_an_answer_that_looks_like_a_number_or_a_boolean_is_the_text_that_was_typed(tmp_path: Path) -> None:
    """As ansible-core 2.19 and newer have read the file."""
    file = tmp_path / "answers"
    file.write_text(ANSWERS, encoding="utf-8")
    read = {"kube_version": 1.3, "rabbitmq_password": 7, "rabbitmq_vhost": False, "kube_zone": None, "kube_region": 1.3, "my_own": 1.3}
    extra: dict[str, t.Any] = {**read, "node_profile_protected": [16, True]}
    assert answers.accept(extra, ["@/nowhere", f"@{file}"]) == []
    texts = {"kube_version": "1.30", "rabbitmq_password": "007", "rabbitmq_vhost": "no", "node_profile_protected": ["0x10", "on"]}
    assert extra == {**texts, "kube_region": 1.3, "my_own": 1.3}


def test_a_later_option_wins_over_the_file_of_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_text(ANSWERS, encoding="utf-8")
    extra: dict[str, t.Any] = {"kube_version": 5}
    answers.accept(extra, [f"@{file}", '{"kube_version": 5}'])
    assert extra == {"kube_version": 5}
