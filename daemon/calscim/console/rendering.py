"""Renders templates. Every value is escaped, and an unknown variable in a template is an error.

Control characters are shown as escapes. The fields of a form, which the browser sends back, keep them:
``{{ name|value }}``.
"""

from collections.abc import Iterable, Sized
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from calscim import __version__, wording
from calscim.admin.console_access import ConsoleRole, Session
from calscim.console.security import FORM_TOKEN
from calscim.console.services import session_or_none
from calscim.option_types import format_duration
from calscim.terminal import printable, printable_lines

# Path and name of each page, in the order of the menu. The last one is for admins.
NAVIGATION = (
    ("/", "Overview"),
    ("/directories", "Directories"),
    ("/mapping", "Mapping"),
    ("/plan", "Plan"),
    ("/people", "People"),
    ("/activity", "Activity"),
    ("/settings", "Settings"),
    ("/sessions", "Sessions"),
)


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """Return a page as a response."""
    found = session_or_none(request)
    may = _May(found)
    text = (
        _environment()
        .get_template(template)
        .render(
            path=request.path,
            query=request.query,
            navigation=NAVIGATION if may.administer else NAVIGATION[:-1],
            session=found,
            may=may,
            form_token_name=FORM_TOKEN,
            **values,
        )
    )
    return web.Response(text=text, content_type="text/html", status=status)


def redirect(url: str) -> web.Response:
    """Return a redirection to another page, after a form was handled."""
    return web.Response(status=303, headers={"Location": url})


class _May:
    """What the person may do, for templates."""

    def __init__(self, session: Session | None) -> None:
        self._role = None if session is None else session.role

    @property
    def operate(self) -> bool:
        """Return True if the person may edit mappings, approve, retry and pause."""
        return self._role is not None and self._role.includes(ConsoleRole.OPERATOR)

    @property
    def administer(self) -> bool:
        """Return True if the person may edit directories and tokens."""
        return self._role is not None and self._role.includes(ConsoleRole.ADMIN)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("calscim.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"version": __version__, "asset": asset}
    made.filters |= {
        "moment": moment,
        "duration": format_duration,
        "count": count,
        "value": escape,
        "lines": lambda text: escape(printable_lines(text)),
        "segment": lambda text: quote(str(text), safe=""),
        "listed": listed,
    }
    return made


def _visible(value: object) -> object:
    """Return a text with control characters as visible escapes: a name could else reverse the text around it."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


@lru_cache
def asset(name: str) -> str:
    """Return the URL of a static file. It changes with the content, so that browsers keep the file."""
    content = files("calscim.console").joinpath("static", name).read_bytes()
    return f"/static/{name}?{sha256(content).hexdigest()[:12]}"


def moment(value: datetime | None, otherwise: str = "never") -> str:
    """Return a time, or what stands for none."""
    return otherwise if value is None else wording.moment(value)


def count(of: int | Sized, noun: str, plural: str | None = None) -> str:
    """Return a number, or the number of items, with its noun: ``1 person``, ``2 people``."""
    return wording.counted(of if isinstance(of, int) else len(of), noun, plural)


def listed(texts: Iterable[str], most: int = 8) -> str:
    """Return texts with commas, and how many more there are."""
    every = list(texts)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")
