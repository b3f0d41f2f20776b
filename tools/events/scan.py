"""Finds the events that the code logs, with their levels and fields, in the syntax trees of its modules.

Understood are calls of a logger (``log.info("a.b", c=1)``), of a name for one of its methods (``say = log.error if x
else log.info``), and of a function of the same module that passes its first parameter on to one of these. Anything else
that passes an event to a logger raises ValueError: write the event as a literal.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error", "critical")
_LOGGERS = {"log", "self.log"}
_METHODS = {**{level: level for level in LEVELS}, "exception": "error"}
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
_RESERVED = {"event", "level", "timestamp", "exception", "stack"}


@dataclass(slots=True)
class Found:
    """An event of the code. ``is_open``: a call adds fields with ``**``, whose names are not in the call."""

    levels: set[str] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)  # in the order of the calls
    modules: set[str] = field(default_factory=set)
    is_open: bool = False


def events(root: Path) -> dict[str, Found]:
    """Return every event that a module below ``root`` logs, by name."""
    found: dict[str, Found] = {}
    for path in sorted(root.rglob("*.py")):
        module = _Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for name, levels, call in module.calls():
            event = found.setdefault(name, Found())
            event.levels |= levels
            event.modules.add(module.name)
            for keyword in call.keywords:
                if keyword.arg is None:
                    event.is_open = True
                elif keyword.arg != "exc_info":
                    event.fields[keyword.arg] = None
    return found


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A function whose first parameter is an event. ``call``: the call of the logger in it."""

    levels: frozenset[str]
    call: ast.Call


class _Module:
    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.tree = ast.parse(source)
        self._has_logger = "structlog.get_logger()" in source

    def calls(self) -> Iterator[tuple[str, set[str], ast.Call]]:
        """Yield event, levels and call of each place that logs an event."""
        if not self._has_logger:
            return
        wrappers = dict(self._wrappers())
        for function in _functions(self.tree):
            aliases = _aliases(function)
            for call in _own_calls(function):
                levels = _levels(call.func, aliases)
                wrapper = wrappers.get(_name(call.func))
                if wrapper is not None and levels is None:
                    event = _literal(call)
                    if event is None:
                        raise ValueError(self._where(call, "passes an event that is no literal"))
                    yield event, set(wrapper.levels), call
                    yield event, set(wrapper.levels), wrapper.call
                elif levels is not None and not _is_passed_on(call, function):
                    event = _literal(call)
                    if event is None:
                        raise ValueError(self._where(call, "logs an event that is no literal"))
                    self._check(call, event)
                    yield event, levels, call

    def _wrappers(self) -> Iterator[tuple[str, _Wrapper]]:
        for function in _functions(self.tree):
            aliases = _aliases(function)
            for call in _own_calls(function):
                levels = _levels(call.func, aliases)
                if levels is not None and _is_passed_on(call, function):
                    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
                    yield function.name, _Wrapper(frozenset(levels), call)

    def _check(self, call: ast.Call, event: str) -> None:
        if _EVENT.fullmatch(event) is None:
            raise ValueError(self._where(call, f"logs {event!r}: write noun.verb_in_past"))
        taken = {keyword.arg for keyword in call.keywords} & _RESERVED
        if taken:
            raise ValueError(self._where(call, f"has the field {taken}, which every line has"))

    def _where(self, call: ast.Call, problem: str) -> str:
        return f"{self.name}:{call.lineno} {problem}"


Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def _functions(tree: ast.Module) -> Iterator[Scope]:
    yield tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _own_nodes(scope: Scope) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions in it."""
    waiting: list[ast.AST] = list(scope.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def _own_calls(scope: Scope) -> Iterator[ast.Call]:
    return (node for node in _own_nodes(scope) if isinstance(node, ast.Call))


def _aliases(scope: Scope) -> dict[str, set[str]]:
    """Return the names that a function gives to methods of a logger, with the levels of these methods."""
    found: dict[str, set[str]] = {}
    for node in _own_nodes(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            levels = _methods(node.value)
            if levels:
                found[node.targets[0].id] = levels
    return found


def _methods(value: ast.expr) -> set[str]:
    """Return the levels of ``log.info``, or of both branches of a conditional expression."""
    if isinstance(value, ast.IfExp):
        return _methods(value.body) | _methods(value.orelse)
    return _levels(value, {}) or set()


def _levels(function: ast.expr, aliases: Mapping[str, set[str]]) -> set[str] | None:
    """Return the levels at which calling an expression logs, or None if that is no logging."""
    if isinstance(function, ast.Name):
        return aliases.get(function.id)
    if isinstance(function, ast.Attribute) and ast.unparse(function.value) in _LOGGERS:
        level = _METHODS.get(function.attr)
        return None if level is None else {level}
    return None


def _is_passed_on(call: ast.Call, scope: Scope) -> bool:
    """Return True if the event of the call is the first parameter of the function."""
    if isinstance(scope, ast.Module) or not call.args or not isinstance(call.args[0], ast.Name):
        return False
    parameters = [one.arg for one in scope.args.args if one.arg != "self"]
    return parameters[:1] == [call.args[0].id]


def _literal(call: ast.Call) -> str | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
