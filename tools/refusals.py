"""Every refusal of the collection, read from its code: the code of the problem, the message, what to do. For docs/troubleshooting.md.

A problem is made by Problem(code, message, item, field, remedy) or Advice(...), or by a function that passes its own arguments on to one of
these. What is only known at run time is shown as an ellipsis.
"""

from __future__ import annotations

import ast
import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
GAP = "…"
FIELDS = ("code", "message", "item", "field", "remedy")
# Codes that are put together at run time, by the file and what is known of them.
RUN_TIME = {
    ("containerd_hosts.py", "containerd.…"): "containerd.capabilities .ca .client .skip_verify .override_path .header .dial_timeout",
    ("desired.py", "….invalid"): "label.invalid annotation.invalid",
    ("desired.py", "….twice"): "sentinel.twice master.twice",
    ("instance.py", "….unknown"): "restart.unknown backup.unknown",
    ("judge.py", "….null"): "argument.null definition.null",
    ("judge.py", "….queue_type"): "argument.queue_type definition.queue_type",
    ("judge.py", "….…"): "argument.type .choice .negative .range .format definition.type .choice .negative .range .format",
    ("profile.py", "….form"): "label.form taint.form",
    ("profile.py", "…s.form"): "labels.form taints.form",
}
# Where a reader looks: the first that fits.
SECTIONS = (
    ("RabbitMQ", "rabbitmq"),
    ("Redis and Sentinel", "redis"),
    ("Kubernetes nodes", r"_node|_kube|kube_"),
    ("Hosts, packages and files", "_host|apt_"),
    ("All modules and playbooks", ""),
)


@dataclass(frozen=True, order=True)
class Refusal:
    code: str
    message: str
    remedy: str
    section: str


@dataclass(frozen=True)
class Maker:
    """How a function that makes problems gets the parts of one: the position and the name of its parameter; `prefix` is before the code."""

    prefix: str
    places: dict[str, tuple[int, str]]

    def given(self, call: ast.Call, part: str) -> ast.expr | None:
        position, name = self.places.get(part, (-1, ""))
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        return call.args[position] if 0 <= position < len(call.args) else None


DIRECT = Maker("", {part: (place, part) for place, part in enumerate(FIELDS)})
Function = t.Union[ast.FunctionDef, ast.AsyncFunctionDef]


class File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.within: dict[ast.AST, Function] = {}
        for function in ast.walk(self.tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.within.update(dict.fromkeys(ast.walk(function), function))
        self.constants = self._assigned(self.tree.body)

    @property
    def section(self) -> str:
        place = str(self.path.relative_to(PLUGINS))
        return next(section for section, pattern in SECTIONS if re.search(pattern, place))

    @property
    def room(self) -> str:
        return self.path.relative_to(PLUGINS).parts[1]

    def calls(self) -> t.Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def makers(self) -> dict[str, Maker]:
        """Functions of this file that pass their own arguments on to a problem, by name."""
        found = {}
        for call in self.calls():
            function = self.within.get(call)
            if _name(call) in ("Problem", "Advice") and function and (maker := self._maker(call, function)):
                found[function.name] = maker
        return found

    def _maker(self, call: ast.Call, function: Function) -> Maker | None:
        names = [argument.arg for argument in function.args.args]
        positions = {name: (place - (names[:1] == ["self"]), name) for place, name in enumerate(names)}
        code = DIRECT.given(call, "code")
        prefix = ""
        if isinstance(code, ast.JoinedStr) and len(code.values) == 2 and isinstance(code.values[1], ast.FormattedValue):
            prefix, code = str(getattr(code.values[0], "value", "")), code.values[1].value
        if not isinstance(code, ast.Name) or code.id not in positions:
            return None
        passed = {part: DIRECT.given(call, part) for part in FIELDS[1:]}
        used = {part: [node.id for node in ast.walk(value) if isinstance(node, ast.Name)] for part, value in passed.items() if value}
        places = {part: positions[name] for part, found in used.items() for name in found[:1] if name in positions}
        named = {part: positions[part] for part in FIELDS[1:] if part in positions}
        return Maker(prefix, {"code": positions[code.id], **named, **places})

    @staticmethod
    def _assigned(statements: t.Iterable[ast.stmt]) -> dict[str, ast.expr]:
        found = {}
        for statement in statements:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    pairs = [(target, statement.value)]
                    if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                        pairs = list(zip(target.elts, statement.value.elts))
                    found.update({name.id: value for name, value in pairs if isinstance(name, ast.Name)})
        return found

    def value(self, name: str, at: ast.AST) -> ast.expr | None:
        """What this name was last given before this place."""
        function = self.within.get(at)
        earlier = [node for node in ast.walk(function) if isinstance(node, ast.stmt)] if function else []
        earlier = sorted((node for node in earlier if node.lineno <= getattr(at, "lineno", 0)), key=lambda node: node.lineno)
        return self._assigned(earlier).get(name) or self.constants.get(name)

    def words(self, expression: ast.expr | None, at: ast.AST, depth: int = 0) -> str:
        """The text of an expression, with gaps for what is known at run time."""
        if isinstance(expression, ast.Constant):
            return str(expression.value) if expression.value is not None else ""
        if isinstance(expression, ast.JoinedStr):
            return "".join(self.words(part, at, depth) for part in expression.values)
        if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
            return self.words(expression.left, at, depth) + self.words(expression.right, at, depth)
        if isinstance(expression, ast.Name) and depth < 3 and (value := self.value(expression.id, at)):
            return self.words(value, at, depth + 1)
        if isinstance(expression, ast.IfExp):
            both = [self.words(part, at, depth) for part in (expression.body, expression.orelse)]
            return " / ".join(part for part in both if part.strip(GAP)) or GAP
        if isinstance(expression, ast.Call) and _name(expression) == "remedy" and len(expression.args) == 2:
            option, text = (self.words(part, at, depth) for part in expression.args)
            return text.replace("{}", option)
        if isinstance(expression, ast.Attribute):
            return TEXTS.get(expression.attr, GAP)
        return GAP if expression else ""

    def passed_on(self, call: ast.Call, makers: dict[str, Maker]) -> bool:
        """Whether it makes the problem of a function's own arguments: the calls of that function are read."""
        function = self.within.get(call)
        return function is not None and function.name in makers and _name(call) in ("Problem", "Advice")


# Texts that several files share, by the name of the constant.
TEXTS: dict[str, str] = {}


def refusals() -> list[Refusal]:
    files = [File(path) for path in sorted(PLUGINS.rglob("*.py"))]
    for file in files:
        TEXTS.update({name: str(value.value) for name, value in file.constants.items() if isinstance(value, ast.Constant)})
    rooms: dict[str, dict[str, Maker]] = defaultdict(dict)
    for file in files:
        rooms[file.room].update({name: maker for name, maker in file.makers().items() if not name.startswith("_")})
    return sorted({found for file in files for found in _in_file(file, {**rooms[file.room], **file.makers()})})


def _in_file(file: File, makers: dict[str, Maker]) -> t.Iterator[Refusal]:
    for call in file.calls():
        name = _name(call)
        maker = DIRECT if name in ("Problem", "Advice") else makers.get(name)
        if maker is None or file.passed_on(call, makers):
            continue
        code = maker.prefix + file.words(maker.given(call, "code"), call)
        if "." not in code:
            continue
        message, remedy = (_line(file.words(maker.given(call, part), call)) for part in ("message", "remedy"))
        for each in _codes(file, code):
            yield Refusal(each, message, remedy, file.section)


def _codes(file: File, code: str) -> t.Iterator[str]:
    family = ""
    for name in RUN_TIME.get((file.path.name, code), code).replace(" / ", " ").split():
        family = name.partition(".")[0] or family
        yield family + name[name.index(".") :]


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _line(text: str) -> str:
    text = re.sub(rf"{GAP}( ?{GAP})+", GAP, " ".join(text.split()))
    return text if text.strip(f"{GAP} /") else ""


def tables() -> str:
    """One table for each section; a row for each message."""
    found = refusals()
    return "\n".join(_table(section, [one for one in found if one.section == section]) for section, dummy in SECTIONS)


def _table(section: str, rows: list[Refusal]) -> str:
    lines = [f"| {_cell(one.message) or '(the message names the cause)'} | {_cell(one.remedy)} | `{one.code}` |" for one in rows]
    return "\n".join([f"### {section}\n", "| message | what to do | code |", "| --- | --- | --- |", *dict.fromkeys(lines), ""])


def _cell(text: str) -> str:
    """As text of a table, whatever it holds."""
    return re.sub(r"([|<>*_`\[\]\\])", r"\\\1", text)


if __name__ == "__main__":
    print(tables())
