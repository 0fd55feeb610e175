"""The report in a real browser without a network: what it shows, how large it is, and that it asks for nothing."""

from __future__ import annotations

import html
import importlib
import json
import re
import resource
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.eco2.platform.plugins.plugin_utils._report.page import page as rendered
from playbooks import PROJECT, play

sys.path.insert(0, str(PROJECT / "tests" / "unit"))
platform_scene = importlib.import_module("platform_scene")

BROWSER = "chromium-headless-shell"
MEGABYTES, SECONDS = 3.0, 5.0


@pytest.fixture(scope="module")
def browser() -> str:
    """Debian's own, about 300 MB with what it needs."""
    if not shutil.which(BROWSER):
        done = subprocess.run([str(PROJECT / "tools" / "apt"), BROWSER], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no browser on this machine: {done.stderr.strip()[-300:]}")
    return BROWSER


def _written(home: Path, scene: dict[str, t.Any]) -> Path:
    """The report, written by a task."""
    path = home / "report.html"
    task = {"eco2.platform.platform_report": {"path": str(path), **{name: f"{{{{ {name} }}}}" for name in scene}}}
    variables = json.loads(json.dumps(scene))
    done = play(home, [task], {}, "--check", "-e", "@scene.yml") if _saved(home, variables) else None
    assert done and done.code == 0 and "changed=0" in done.output, done
    return path


def _saved(home: Path, variables: dict[str, t.Any]) -> bool:
    """The names of the scene hold braces, which Ansible must not take for templates."""
    text = yaml.dump(variables, Dumper=_Unsafe, allow_unicode=True)
    return bool((home / "scene.yml").write_text(text, encoding="utf-8"))


class _Unsafe(yaml.SafeDumper):
    pass


_Unsafe.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe" if "{" in text else "tag:yaml.org,2002:str", text))


def _dom(browser: str, page: Path) -> tuple[str, str, float]:
    """The page as the browser has it, what the browser says of its network, and the seconds of processor time that it takes."""
    log = page.with_suffix(".net.json")
    before = _worked()
    command = [browser, "--no-sandbox", "--disable-gpu", f"--log-net-log={log}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, log.read_text(encoding="utf-8", errors="replace"), _worked() - before


def test_the_page_of_the_platform_shows_all_and_runs_nothing(browser: str, tmp_path: Path) -> None:
    scene = platform_scene.platform()
    page = _written(tmp_path, scene)
    dom, network, dummy = _dom(browser, page)
    assert "<title>Platform</title>" in dom, "no name became a script that could set the title"
    assert not re.search(r"<(script|img|iframe|link)\b", dom)
    text = html.unescape(dom)
    for kind in ("exchanges", "queues"):
        assert [entry["name"] for entry in scene["brokers"][0]["topology"][kind] if entry["name"] not in text] == []
    for found in ("missing", "not declared", "differs"):
        assert f" {found}</text>" in dom, found
    assert _requested(network) <= {page.as_uri()}


def test_a_page_of_2000_queues_and_200_nodes_is_small_and_soon_ready(browser: str, tmp_path: Path) -> None:
    scene = platform_scene.large()
    page = tmp_path / "large.html"
    began = time.process_time()
    page.write_text(rendered("Platform", scene["brokers"], scene["nodes"], scene["sentinels"], scene["summary"]), encoding="utf-8")
    written = time.process_time() - began
    assert page.stat().st_size < MEGABYTES * 1e6
    dom, dummy, seconds = _dom(browser, page)
    assert written + seconds < SECONDS
    assert len(re.findall(r'<g class="point queue', dom)) == 2000
    assert len(re.findall(r'<g class="point queue differs', dom)) == 50
    assert len(re.findall(r"<article", dom)) == 201
    print(f"{page.stat().st_size / 1e6:.2f} MB, written in {written:.1f} s, in the browser {seconds:.1f} s of processor time")


def test_a_report_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    done = play(tmp_path, [{"eco2.platform.platform_report": {"path": str(tmp_path / "no" / "report.html")}}], {})
    assert done.code != 0 and "cannot be written: No such file or directory" in done.output


def _worked() -> float:
    """The processor time of all processes that have ended; wall time is that of a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _requested(network: str) -> set[str]:
    """Every address of a request in the browser's own log, but those to the browser's maker for itself."""
    return {url for url in re.findall(r'"url":"([^"]+)"', network) if not re.search(r"://[^/]*(google|gstatic|googleapis)[^/]*/", url)}
