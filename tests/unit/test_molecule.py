"""Every role has a scenario, and all scenarios do the same steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (PROJECT / "roles").iterdir())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_scenario_with_a_side_effect(role: str) -> None:
    place = PROJECT / "molecule" / role
    for name in ("converge", "side_effect", "verify"):
        plays = yaml.safe_load((place / f"{name}.yml").read_text())
        assert plays, name
    assert f"eco2.platform.{role}" in (place / "converge.yml").read_text()
    assert "shared/predicted.yml" in (place / "verify.yml").read_text()
    # What a scenario has of its own stands in its playbooks.
    assert yaml.safe_load((place / "molecule.yml").read_text()) == {}


def test_after_a_side_effect_check_mode_comes_before_the_converge_that_it_predicts() -> None:
    config = yaml.safe_load((PROJECT / ".config" / "molecule" / "config.yml").read_text())
    steps = config["scenario"]["test_sequence"]
    changed = steps.index("side_effect")
    assert config["shared_state"] is True
    for part in (steps[:changed], steps[changed:]):
        assert part.index("check") + 1 == part.index("converge") < part.index("idempotence")
    assert steps[-2:] == ["verify", "destroy"]
