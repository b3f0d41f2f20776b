"""Returns results of admin in the form of ``--json``, so that tests cover the keys that scripts use."""

import orjson

from calscim.admin import status as statuses
from calscim.admin.as_json import as_json
from calscim.admin.explain import explain as explanations


def json_form(result):
    return orjson.loads(as_json(result))


async def status(*arguments):
    return json_form(await statuses.status(*arguments))


async def explain(*arguments):
    return json_form(await explanations.explain(*arguments))
