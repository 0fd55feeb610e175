from __future__ import annotations

from harness import Task
from observer import Observer

from lab.brokers import Broker


def test_thin(broker: Broker, task: Task) -> None:
    arguments = {"vhosts": [{"name": "thin"}], "vhost": "thin", "queues": [{"name": "q"}], "exchanges": [{"name": "e"}]}
    arguments["bindings"] = [{"source": "e", "destination": "q"}]
    assert task.check(**arguments)["changed"]
    done = task.apply(**arguments)
    assert [c["object"] for c in done["changes"]] == ["thin", "thin/e", "thin/q", 'thin/e -> queue q by ""'], done
    assert not task.apply(**arguments)["changed"]
    assert len(Observer(broker).snapshot("thin")) == 4
    assert task.apply(vhosts=[{"name": "thin", "state": "absent"}])["changed"]
    assert Observer(broker).snapshot("thin") == {}
