"""What a test does to its own part of a server, whichever module it is about."""

from __future__ import annotations

import typing as t

Result = t.Dict[str, t.Any]


class Runs(t.Protocol):
    def check(self, **arguments: t.Any) -> Result: ...
    def apply(self, **arguments: t.Any) -> Result: ...


class Ground:
    """A part of a server for one test file, watched by other eyes than the module's, and cleaned up."""

    task: Runs

    def __enter__(self: t.Any) -> t.Any:
        self.clean()
        return self

    def __exit__(self, *dummy: t.Any) -> None:
        self.clean()

    def clean(self) -> None:
        """Take away whatever tests have left here."""
        raise NotImplementedError

    def snapshot(self) -> t.Any:
        """All that a task could have changed here."""
        raise NotImplementedError

    def settle(self, **arguments: t.Any) -> Result:
        """Check, apply, check, apply: the first pair agrees on the changes, the second finds none. Returns the apply."""
        before = self.snapshot()
        predicted = self.task.check(**arguments)
        assert not predicted.get("failed"), predicted
        assert self.snapshot() == before, "check mode changes nothing"
        done = self.task.apply(**arguments)
        assert not done.get("failed"), done
        assert predicted["changed"] and done["changed"], done
        assert predicted["changes"] == done["changes"]
        assert predicted["diff"] == done["diff"]
        self.idle(**arguments)
        return done

    def idle(self, **arguments: t.Any) -> Result:
        """Both modes say that nothing is to be done, and nothing is done."""
        before = self.snapshot()
        for result in (self.task.check(**arguments), self.task.apply(**arguments)):
            assert not result.get("failed"), result
            assert result["changed"] is False and result["changes"] == [], result["changes"]
        assert self.snapshot() == before
        return result

    def refused(self, *words: str, **arguments: t.Any) -> str:
        """Both modes refuse with the same single line, which holds these words, and nothing is written."""
        before = self.snapshot()
        predicted, done = self.task.check(**arguments), self.task.apply(**arguments)
        assert self.snapshot() == before
        line = one_line(done, *words)
        assert one_line(predicted) == line
        assert done["changes"] == [] and done["changed"] is False, done
        return line


def one_line(result: Result, *words: str) -> str:
    """The message of a failed result: one line without a traceback, which holds these words."""
    assert result.get("failed"), result
    line = str(result["msg"])
    assert "\n" not in line.strip() and line.strip(), line
    assert "Traceback" not in str(result) and "exception" not in result, result
    for word in words:
        assert word in line, f"{word!r} is not in: {line}"
    return line


def changed_objects(result: Result) -> list[str]:
    return [f"{change['action']} {change['kind']} {change['object']}" for change in result["changes"]]
