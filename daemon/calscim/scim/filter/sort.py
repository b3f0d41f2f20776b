"""Sort orders (RFC 7644 section 3.4.2.3) compiled to SQL: for a page at an offset, and for one beyond a row."""

from scim2_models.path import AttrPath

from calscim.directory.keyset_pages import Keyset
from calscim.directory.resources import Selection
from calscim.errors import ScimError
from calscim.scim.filter.compile import COLUMNS, Compiler, Target, compiler_of
from calscim.scim.filter.operands import comparable, readable
from calscim.scim.filter.parse import parse_path
from calscim.scim.schema import Attribute, Type

# Characters of a value that order the pages of a cursor, which has to fit into a URL.
LONGEST_KEY = 400


def compile_sort(kind: Type, text: str, *, descending: bool, selection: Selection) -> Selection:
    """The same selection in an order. ScimError 400 invalidPath for what has none."""
    compiler = compiler_of(kind, selection.parameters)
    value, attribute = _sorted_by(compiler, text)
    order = ordered(value, attribute, descending=descending)
    return Selection(selection.where, order, tuple(compiler.parameters))


def compile_keyset(kind: Type, text: str, *, descending: bool, selection: Selection) -> Keyset:
    """The same order by a key that a cursor can carry. ScimError 400 invalidPath for what has none."""
    compiler = compiler_of(kind, selection.parameters)
    key = _carried(*_sorted_by(compiler, text))
    return Keyset(selection.where, key, descending, tuple(compiler.parameters))


def lacks(kind: Type, text: str, beside: Type | None) -> bool:
    """Return True for an attribute that only the type beside has: all resources of this one are without a value."""
    if beside is None:
        return False
    compiler = compiler_of(kind)
    compiler.beside = beside
    try:
        readable(text, "invalidPath")
        path = parse_path(text)
    except ScimError:
        return False
    return isinstance(path, AttrPath) and compiler.lacks(path)


def _sorted_by(compiler: Compiler, text: str) -> tuple[str, Attribute]:
    """What is compared: SQL of its value, and the attribute whose rules hold."""
    target = _target(compiler, text)
    attribute = target.attribute
    if target.multi and target.below is None and "value" in attribute.subs:
        attribute = attribute.subs["value"]
        target = Target(attribute, target.path, attribute.name, True, f"{target.name}.value")
    orderable(attribute, text)
    if target.name in COLUMNS:
        return f"{compiler.row}.{COLUMNS[target.name]}", attribute
    if target.multi:
        return chosen(compiler.elements(target), compiler.element(target)), attribute
    return compiler.text(target), attribute


def _target(compiler: Compiler, text: str) -> Target:
    readable(text, "invalidPath")
    try:
        path = parse_path(text)
        if isinstance(path, AttrPath):
            return compiler.target(path)
    except ScimError:
        pass
    raise ScimError(
        400, f"sortBy {text[:100]!r} is no attribute of a {compiler.kind.name}", "invalidPath"
    )


def orderable(attribute: Attribute, name: str) -> None:
    """ScimError invalidPath for an attribute without an order."""
    if attribute.kind in ("complex", "binary"):
        raise ScimError(
            400,
            f"sortBy {name[:100]} is {attribute.kind} and has no order: name a sub-attribute "
            "such as name.familyName, or an attribute that holds text",
            "invalidPath",
        )


def ordered(value: str, attribute: Attribute, *, descending: bool) -> str:
    """An ORDER BY expression: who has no value comes last when ascending, first when descending."""
    if attribute.kind == "boolean":
        value = f"({value})::boolean"
    elif attribute.kind != "dateTime":
        value = comparable(value, attribute)
    return f"{value} {'DESC NULLS FIRST' if descending else 'ASC NULLS LAST'}"


def _carried(value: str, attribute: Attribute) -> str:
    """The value as a text whose code points order it: false comes before true, and a moment in UTC before a later."""
    if attribute.kind == "dateTime":
        return f'calscim.instant({value}) COLLATE "C"'
    if attribute.kind == "boolean":
        return f'({value})::boolean::text COLLATE "C"'
    return f'left({comparable(value, attribute)}, {LONGEST_KEY}) COLLATE "C"'


def chosen(values: str, value: str) -> str:
    """Of a multi-valued attribute, whose values are rows e(v, place): the primary one, else the first."""
    return (
        f"(SELECT {value} FROM {values} "  # noqa: S608 - both are made by filters
        "ORDER BY coalesce(e.v ->> 'primary', '') = 'true' DESC, e.place LIMIT 1)"
    )
