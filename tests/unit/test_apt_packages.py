"""The plan of packages, and what apt's and dpkg's answers mean."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.eco2.platform.plugins.module_utils._engine import wait
from ansible_collections.eco2.platform.plugins.module_utils._engine.converge import Report, converge
from ansible_collections.eco2.platform.plugins.module_utils._engine.problems import Refused
from ansible_collections.eco2.platform.plugins.module_utils._host.apt import dpkg, locks, packages, plan, proxy, repositories, versions
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.command import complaint
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.dpkg import Installed
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.plan import Options, Wanted
from ansible_collections.eco2.platform.plugins.module_utils._host.apt.repositories import Available, Simulated
from ansible_collections.eco2.platform.plugins.module_utils._host.command import Done

KUBELET = {"kubelet": Available("1.36.3-1.1", ("1.36.3-1.1", "1.36.2-1.1"))}
needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg orders versions, and it is not installed")
HELD = {"kubelet": Installed("1.36.2-1.1", held=True)}


def planned(wants: list[Wanted], there: dict[str, Installed], offers: dict[str, Available], **options: t.Any) -> list[tuple[str, ...]]:
    """(action, name, field before -> after...) of each change."""
    chosen = plan.targets(wants, there, offers)
    changes = plan.plan(wants, there, chosen, options.pop("simulated", None), Options(**options)).changes
    return [(change.action, change.object, *(f"{d.field} {d.before} -> {d.after}" for d in change.differences)) for change in changes]


def refused(wants: list[Wanted], there: dict[str, Installed], offers: dict[str, Available], **options: t.Any) -> list[tuple[str, str]]:
    """(code, item) of each problem."""
    with pytest.raises(Refused) as caught:
        planned(wants, there, offers, **options)
    return [(problem.code, problem.item) for problem in caught.value.problems]


def test_what_is_missing_is_installed_in_the_version_asked_for_and_held() -> None:
    assert planned([Wanted("kubelet", "1.36.2")], {}, KUBELET, hold=True) == [
        ("create", "kubelet", "version None -> 1.36.2-1.1", "held None -> True")
    ]


def test_without_a_version_the_candidate_is_installed_and_anything_installed_is_right() -> None:
    assert planned([Wanted("kubelet")], {}, KUBELET) == [("create", "kubelet", "version None -> 1.36.3-1.1")]
    assert planned([Wanted("kubelet")], HELD, KUBELET) == []


def test_a_hold_is_set_and_lifted_by_itself() -> None:
    assert planned([Wanted("kubelet")], HELD, KUBELET, hold=False) == [("update", "kubelet", "held True -> False")]
    assert planned([Wanted("kubelet")], HELD, KUBELET, hold=True) == []


def test_what_is_held_changes_only_where_that_is_said() -> None:
    wants = [Wanted("kubelet", "1.36.3")]
    assert refused(wants, HELD, KUBELET) == [("apt.held", "package kubelet")]
    assert planned(wants, HELD, KUBELET, allow_change_held=True) == [("update", "kubelet", "version 1.36.2-1.1 -> 1.36.3-1.1")]


@needs_dpkg
def test_an_older_version_is_installed_only_where_that_is_said() -> None:
    newer = {"kubelet": Installed("1.36.3-1.1", held=False)}
    wants = [Wanted("kubelet", "1.36.2")]
    assert refused(wants, newer, KUBELET) == [("apt.downgrade", "package kubelet")]
    assert planned(wants, newer, KUBELET, allow_downgrade=True) == [("update", "kubelet", "version 1.36.3-1.1 -> 1.36.2-1.1")]


def test_what_is_in_the_way_goes_only_where_that_is_said() -> None:
    there = {"containerd": Installed("1.6.20~ds1-1", held=True)}
    offers = {"containerd.io": Available("2.2.9-1", ("2.2.9-1",))}
    simulated = Simulated({"containerd.io": "2.2.9-1"}, ("containerd",), None)
    wants = [Wanted("containerd.io")]
    assert refused(wants, there, offers, simulated=simulated) == [("apt.removes", "package containerd")]
    assert planned(wants, there, offers, simulated=simulated, allow_remove=("containerd",)) == [
        ("delete", "containerd", "version 1.6.20~ds1-1 -> None"),
        ("create", "containerd.io", "version None -> 2.2.9-1"),
    ]


@needs_dpkg
def test_what_apt_would_change_besides_is_refused_where_it_is_held_or_goes_back() -> None:
    there = {"runc": Installed("1.1.5-1", held=True), "libc6": Installed("2.36-9", held=False)}
    simulated = Simulated({"kubelet": "1.36.3-1.1", "runc": "1.3-1", "libc6": "2.35-1"}, (), None)
    assert refused([Wanted("kubelet")], there, KUBELET, simulated=simulated) == [
        ("apt.held_dependency", "package runc"),
        ("apt.downgrades_dependency", "package libc6"),
    ]


def test_what_no_repository_has_is_explained() -> None:
    wants = [Wanted("kubelet", "1.36.9"), Wanted("kubelett"), Wanted("cri-tools", optional=True), Wanted("pinned")]
    offers = {**KUBELET, "pinned": Available("", ("1.0",))}
    missing = plan.unknown(wants, {}, offers)
    problems = list(plan.explain(missing, offers, "Release file is not valid yet"))
    assert [(problem.code, problem.item) for problem in problems] == [
        ("apt.update", ""),
        ("apt.unknown_version", "package kubelet"),
        ("apt.unknown_package", "package kubelett"),
        ("apt.pinned", "package pinned"),
    ]
    assert "Release file is not valid yet" in str(problems[0])
    assert "only 1.36.3-1.1, 1.36.2-1.1" in str(problems[1])


@needs_dpkg
def test_one_cause_is_one_problem_in_the_words_of_the_role() -> None:
    """Without the option apt refuses the downgrade as well, for the same reason."""
    names = ("kubelet", "kubeadm", "kubectl")
    there = dict.fromkeys(names, Installed("1.37.2-1.1", held=True))
    offers = dict.fromkeys(names, Available("1.36.3-1.1", ("1.36.3-1.1",)))
    simulated = Simulated({}, (), "Packages were downgraded and -y was used without --allow-downgrades.")
    wants = [Wanted(name, "1.36.3") for name in names]
    role = {"allow_downgrade": "kubernetes_node_allow_downgrade", "allow_change_held": ""}
    with pytest.raises(Refused) as caught:
        planned(wants, there, offers, simulated=simulated, names=role)
    assert [str(problem) for problem in caught.value.problems] == [
        "packages kubelet, kubeadm, kubectl: version: it is held at 1.37.2-1.1, and the task asks for 1.36.3-1.1",
        "packages kubelet, kubeadm, kubectl: version: installing 1.36.3-1.1 would downgrade it from 1.37.2-1.1; "
        "set kubernetes_node_allow_downgrade to allow it",
    ]


def test_a_package_in_the_way_is_named_with_the_option_of_the_role() -> None:
    there = dict.fromkeys(("docker.io", "runc"), Installed("1-1", held=False))
    simulated = Simulated({"containerd.io": "2.2.9-1"}, ("docker.io", "runc"), None)
    with pytest.raises(Refused, match=r"packages docker\.io, runc: apt would remove this .*; list it in containerd_allow_remove, or"):
        planned([Wanted("containerd.io")], there, {}, simulated=simulated, names={"allow_remove": "containerd_allow_remove"})


def test_what_apt_does_not_know_yet_counts_as_available() -> None:
    wants = [Wanted("kubelet", "1.36.3"), Wanted("kubernetes-cni"), Wanted("cri-tools", optional=True)]
    assert plan.targets(wants, {}, {}) == {"kubelet": "1.36.3", "kubernetes-cni": plan.NEWEST}


@needs_dpkg
def test_a_version_that_no_list_has_yet_is_no_step_back_for_want_of_an_epoch() -> None:
    """Redis 8.0.2 of a repository whose lists are not there yet, in check mode, beside 5:7.0.15-1~deb12u7."""
    for wanted, problems in (("8.0.2", 0), ("7.0.11", 1)):
        wants = plan.wanted([{"name": "redis-server", "version": wanted}])
        there = {"redis-server": Installed("5:7.0.15-1~deb12u7", held=False)}
        chosen = plan.targets(wants, there, {})
        assert len(list(plan._not_allowed(there, chosen, plan.Options()))) == problems


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"name": "Kubelet"}, "apt.name"),
        ({"name": "-kubelet"}, "apt.name"),
        ({"name": "kubelet=1.36.3"}, "apt.name"),
        ({"name": "kubelet", "version": "1.36.*"}, "apt.version"),
        ({"name": "kubelet", "version": "latest"}, "apt.version"),
    ],
)
def test_names_and_versions_that_cannot_be_are_refused(item: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as caught:
        plan.wanted([item])
    assert [problem.code for problem in caught.value.problems] == [code]


def test_twins_are_one_where_they_agree() -> None:
    assert plan.wanted([{"name": "kmod"}, {"name": "kmod"}, {"name": "kubelet", "version": "v1.36.3"}]) == [
        Wanted("kmod"),
        Wanted("kubelet", "1.36.3"),
    ]
    with pytest.raises(Refused, match="listed twice"):
        plan.wanted([{"name": "kmod", "version": "1"}, {"name": "kmod", "version": "2"}])


NAMES = st.sampled_from(["kubelet", "kubeadm", "runc"])
FULL = st.sampled_from(["1.36.2-1.1", "1.36.3-1.1", "1:1.36.3-2", "1.37.0-1.1"])
SHORT = st.sampled_from(["", "1.36.2", "1.36.3", "1.36.3-1.1", "1.37.0"])
WANTS = st.lists(st.builds(Wanted, NAMES, SHORT, st.booleans()), unique_by=lambda want: want.name)
THERE = st.dictionaries(NAMES, st.builds(Installed, FULL, st.booleans()))
OFFERS = st.dictionaries(NAMES, st.lists(FULL, min_size=1, unique=True).map(lambda known: Available(known[0], tuple(known))))
ALLOWED = st.builds(Options, st.sampled_from([None, True, False]), st.just(value=True), st.just(value=True))


@given(WANTS, THERE, OFFERS, ALLOWED)
def test_after_the_plan_nothing_is_left_to_do(
    wants: list[Wanted], there: dict[str, Installed], offers: dict[str, Available], options: Options
) -> None:
    chosen = plan.targets(wants, there, offers)
    changes = plan.plan(wants, there, chosen, None, options).changes
    after = dict(there)
    for change in changes:
        have = after.get(change.object)
        held = options.hold if options.hold is not None else bool(have and have.held)
        after[change.object] = Installed(change.payload or (have.version if have else ""), held)
    assert plan.plan(wants, after, plan.targets(wants, after, offers), None, options).changes == ()
    for want in wants:
        if want.version and want.name in chosen:
            assert versions.matches(want.version, after[want.name].version)


# The transaction


class Apt:
    """In place of apt and dpkg: lists that are out of date until they are read again, and the packages that are there."""

    def __init__(self, old: Available, new: Available) -> None:
        self.offer, self.new = old, new
        self.there: dict[str, Installed] = {}
        self.interrupted: str | None = None
        self.breaks = False
        self.asked: list[dict[str, str]] = []

    def state(self, dummy: t.Any) -> dpkg.State:
        return dpkg.State(dict(self.there), self.interrupted)

    def configure(self) -> str | None:
        self.interrupted = "kubelet is unpacked" if self.breaks else None
        return self.interrupted

    def available(self, names: t.Sequence[str]) -> dict[str, Available]:
        return dict.fromkeys(set(names) - {"kubelett"}, self.offer)

    def update(self, dummy: t.Any) -> None:
        self.offer = self.new

    def install(self, packages: dict[str, str], *dummy: t.Any) -> Done:
        self.asked.append(packages)
        if self.offer is not self.new:
            return Done(100, "", "E: Failed to fetch http://mirror/kubelet.deb  404  Not Found")
        if self.breaks:
            self.there["conntrack"] = Installed("1.4-1", held=False)
            return Done(100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)")
        self.there.update({name: Installed(version, held=False) for name, version in packages.items()})
        return Done(0, "", "")

    def select(self, holds: dict[str, bool]) -> None:
        self.there.update({name: self.there[name]._replace(held=held) for name, held in holds.items()})


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Apt:
    stand_in = Apt(Available("1.36.3-1.1", ("1.36.3-1.1",)), Available("1.36.3-2.1", ("1.36.3-2.1", "1.36.2-1.1")))
    for name in ("available", "update", "install"):
        monkeypatch.setattr(repositories, name, getattr(stand_in, name))
    monkeypatch.setattr(repositories, "simulate", lambda chosen, *dummy: Simulated(dict(chosen), (), None))
    monkeypatch.setattr(repositories, "fix_broken", lambda dummy: "it breaks")
    for name in ("state", "configure", "select"):
        monkeypatch.setattr(dpkg, name, getattr(stand_in, name))
    monkeypatch.setattr(locks.Locks, "wait", lambda self, paths=(): None)
    return stand_in


def converged(check_mode: bool = False, name: str = "kubelet", version: str = "", **more: t.Any) -> Report:
    options = {
        "hold": True,
        "allow_change_held": True,
        "allow_downgrade": False,
        "allow_remove": [],
        "install_recommends": False,
        "option_names": {},
        "proxy": None,
    }
    asked = {"packages": [{"name": name, "version": version}], **options, "lock_timeout": 1.0, **more}
    return converge(packages.Packages(asked), check_mode, diff=False)


def changed(report: Report) -> list[tuple[str, str]]:
    return [(change["kind"], change["object"]) for change in report.result["changes"]]


LISTS = ("lists", "/var/lib/apt/lists")


@pytest.mark.parametrize("version", ["", "1.36.3"])
def test_lists_that_name_a_revision_that_is_gone_are_read_again_and_the_choice_made_again(apt: Apt, version: str) -> None:
    report = converged(version=version)
    assert apt.asked == [{"kubelet": "1.36.3-1.1"}, {"kubelet": "1.36.3-2.1"}]
    assert report.failure is None
    assert report.result["packages"] == {"kubelet": "1.36.3-2.1"}
    assert changed(report) == [LISTS, ("package", "kubelet")]
    assert report.result["changes"][1]["differences"][0] == {"field": "version", "before": None, "after": "1.36.3-2.1"}
    assert apt.there["kubelet"].held


def test_a_version_that_the_new_lists_no_longer_have_is_told_in_words(apt: Apt) -> None:
    report = converged(version="1.36.3-1.1")
    ((failure),) = report.result["failures"]
    assert "only 1.36.3-2.1, 1.36.2-1.1" in failure["reason"]
    assert changed(report) == [LISTS]


def test_what_is_held_and_may_be_removed_is_removed_by_name(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt does not remove held packages on its own, and says that there is no solution."""

    def simulate(chosen: dict[str, str], dummy: bool, force: list[str]) -> Simulated:
        return Simulated(dict(chosen), ("containerd",), None) if "containerd-" in force else Simulated({}, (), "held packages")

    monkeypatch.setattr(repositories, "simulate", simulate)
    apt.there["containerd"] = Installed("1.6.20~ds1-1", held=True)
    report = converged(check_mode=True, allow_remove=["containerd"])
    assert ("containerd", "delete") in [(change["object"], change["action"]) for change in report.result["changes"]]
    report = converged(check_mode=True, allow_remove=["containerd"], allow_change_held=False)
    assert [problem["code"] for problem in report.result["problems"]] == ["apt.refused"]


def test_what_was_repaired_and_updated_counts_though_the_package_is_refused(apt: Apt) -> None:
    apt.interrupted = "kubelet is unpacked"
    predicted = converged(check_mode=True, name="kubelett")
    assert (changed(predicted), predicted.result["repaired"]) == ([("dpkg", "dpkg"), LISTS, ("package", "kubelett")], apt.interrupted)
    report = converged(name="kubelett")
    assert [problem["code"] for problem in report.result["problems"]] == ["apt.unknown_package"]
    assert report.result["changed"] is True
    assert changed(report) == [("dpkg", "dpkg"), LISTS]


def test_a_repair_that_fails_may_have_changed_something(apt: Apt) -> None:
    apt.interrupted, apt.breaks = "kubelet is unpacked", True
    report = converged()
    assert report.failure
    assert "it breaks" in report.failure
    assert (report.result["changed"], changed(report)) == (True, [])


def test_a_transaction_that_fails_tells_what_it_changed_nevertheless(apt: Apt) -> None:
    apt.update(None)
    apt.breaks = True
    report = converged()
    assert [failure["object"] for failure in report.result["failures"]] == ["kubelet"]
    assert (report.result["changed"], changed(report)) == (True, [("package", "conntrack")])


# What apt and dpkg say

POLICY = """containerd:
  Installed: 1.6.20~ds1-1+deb12u2
  Candidate: 1.6.20~ds1-1+deb12u3
  Version table:
     1.6.20~ds1-1+deb12u3 500
        500 http://mirror/debian bookworm/main amd64 Packages
 *** 1.6.20~ds1-1+deb12u2 500
        500 http://mirror/debian-security bookworm-security/main amd64 Packages
        100 /var/lib/dpkg/status
gone:
  Installed: 1.0-1
  Candidate: 1.0-1
  Version table:
 *** 1.0-1 100
        100 /var/lib/dpkg/status
refused:
  Installed: (none)
  Candidate: (none)
  Version table:
     2.0-1 -1
        500 http://mirror/debian bookworm/main amd64 Packages
phased:
  Installed: (none)
  Candidate: 3.0-1
  Version table:
     3.0-1 500 (phased 10%)
        500 http://mirror/ubuntu jammy-updates/main amd64 Packages
"""


def test_apts_policy_is_read() -> None:
    assert repositories.policies(POLICY) == {
        "containerd": Available("1.6.20~ds1-1+deb12u3", ("1.6.20~ds1-1+deb12u3", "1.6.20~ds1-1+deb12u2")),
        "refused": Available("", ("2.0-1",)),
        "phased": Available("3.0-1", ("3.0-1",)),
    }


def test_a_simulation_is_read() -> None:
    output = (
        "Remv runc [1.1.5+ds1-1]\nRemv containerd [1.6.20~ds1-1]\n"
        "Inst containerd.io (2.2.9-1~debian.12~bookworm docker:stable [amd64])\nInst kmod:amd64 [29-1] (30-1 Debian:12 [amd64]) []\n"
        "Conf containerd.io (2.2.9-1~debian.12~bookworm docker:stable [amd64])\n"
    )
    simulated = repositories.simulated(Done(0, output, ""))
    assert simulated == Simulated({"containerd.io": "2.2.9-1~debian.12~bookworm", "kmod": "30-1"}, ("containerd", "runc"), None)


def test_why_apt_would_not_is_one_line() -> None:
    output = "Reading...\nThe following packages have unmet dependencies:\n kubelet : Depends: kubernetes-cni (>= 1.2.0)\n"
    done = Done(100, output, "E: Unable to correct problems, you have held broken packages.\n")
    assert repositories.simulated(done).problem == (
        "Unable to correct problems, you have held broken packages.: kubelet : Depends: kubernetes-cni (>= 1.2.0)"
    )
    assert complaint(Done(1, "", "")) == "it ended with 1"
    assert complaint(Done(0, "", "W: one\nW: two\nW: one\n")) == "one; two"


def test_lists_that_are_out_of_date_are_recognised() -> None:
    assert repositories.is_stale(Done(100, "", "E: Failed to fetch http://mirror/a.deb  404  Not Found"))
    assert not repositories.is_stale(Done(100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)"))
    unsigned = "E: There were unauthenticated packages and -y was used without --allow-unauthenticated"
    assert repositories.is_stale(Done(100, "", unsigned)), "it was trusted=yes when the lists were read"


def test_dpkgs_status_is_read() -> None:
    listing = (
        "kubelet\thold ok installed\t1.36.3-1.1\nconntrack\tinstall ok unpacked\t1:1.4.7-1\nold\tdeinstall ok config-files\t1.0\n"
        "half\tinstall reinstreq half-installed\t1.0\nnever\tunknown ok not-installed\t\n"
    )
    state = dpkg._state(listing, {"kubelet", "conntrack"}, journal=False)
    assert state.installed == {"kubelet": Installed("1.36.3-1.1", True), "conntrack": Installed("1:1.4.7-1", False)}
    assert state.interrupted == "conntrack is unpacked"
    assert dpkg._state(listing, {"kubelet"}, journal=False).interrupted is None, "what others left, apt itself finishes"
    assert dpkg._state("", (), journal=True).interrupted == "dpkg was killed while it wrote its database"


# Locks


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert locks.holder(str(path)) is None
    path.touch()
    assert locks.holder(str(path)) is None
    code = f"import fcntl; file = open({str(path)!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdin
        process.stdout.readline()
        assert f"{path} is held by python" in str(locks.holder(str(path)))
        assert f"(process {process.pid})" in str(locks.holder(str(path)))
        with pytest.raises(Refused, match="for longer than 0 s") as caught:
            locks.Locks(0).wait([str(path)])
        assert caught.value.problems[0].code == "apt.locked"
        process.stdin.write(b"\n")
    locks.Locks(0).wait([str(path)])
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # our own does not count
        assert locks.holder(str(path)) is None


def test_a_command_that_finds_the_lock_taken_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(wait.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(wait, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(locks, "holder", lambda path: None)
    waiting = locks.Locks(10)
    taken = Done(100, "", "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12")
    answers = iter([taken, taken, Done(0, "", "")])
    assert waiting.retry(lambda: next(answers)).code == 0
    assert now[0] == 1
    assert waiting.retry(lambda: taken) == taken, "in the end it is told"
    assert now[0] >= 10


def test_the_proxy_of_apt_comes_first_and_goes_again(apt: Apt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "apt.conf.d" / "01-eco2-proxy"
    monkeypatch.setattr(proxy, "PATH", str(path))
    wanted = {"http": "http://me:s3cret@proxy:3128", "no_proxy": "10.0.0.0/8,mirror.example.org"}
    for check_mode in (True, False):
        report = converged(check_mode, proxy=wanted)
        assert report.failure is None
        assert (report.result["changes"][0]["kind"], report.result["changes"][0]["object"]) == ("file", str(path))
        assert "s3cret" not in str(report)
        assert path.exists() is not check_mode
    assert path.read_text().splitlines()[1:] == [
        'Acquire::http::Proxy "http://me:s3cret@proxy:3128";',
        'Acquire::http::Proxy::mirror.example.org "DIRECT";',
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    converged(False, proxy=None)
    assert path.exists()
    converged(False, proxy={})
    assert not path.exists()


def test_what_cannot_be_a_proxy_is_refused_and_not_shown(apt: Apt) -> None:
    with pytest.raises(Refused) as caught:
        converged(False, proxy={"https": 'http://s3cret@proxy";evil'})
    assert [problem.code for problem in caught.value.problems] == ["proxy.address"]
    assert "s3cret" not in str(caught.value)
