"""Every configuration block of the documentation is read by the program that it is for, or by its parser."""

import configparser
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import tomlkit
import yaml

from calscim.config import load
from tests.docs.blocks import PAGES, ROOT, SHELLS, Block, blocks
from tests.support.chromium import MISSING, PROGRAM, browsing
from tests.support.feed import checked

# Where the blocks of each language are tested.
TESTED = {
    "toml": "this file: the loader of the daemon",
    "json": "this file: parsed",
    "yaml": "this file: parsed",
    "ini": "this file: parsed",
    "sql": "this file: run in Postgres",
    "nginx": "this file: nginx -t; tests/faults/test_proxies.py sends requests through it",
    "mermaid": "this file: parsed by the script that draws them on the site",
    "caddyfile": "tests/faults/test_proxies.py",
    "haproxy": "tests/faults/test_proxies.py",
    "text": "shows text that no program reads",
    "": "shows text that no program reads",
} | dict.fromkeys(SHELLS, "tests/docs/test_commands.py")
# The contents of the files that a block names.
CONTENTS = {
    "dsn": "postgresql://calscim@localhost/calscim",
    "url": "json://localhost/hook",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "key": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
}


def blocks_in(*languages):
    return [pytest.param(block, id=str(block)) for block in blocks() if block.language in languages]


def test_every_language_is_tested():
    unknown = {str(block): block.language for block in blocks() if block.language not in TESTED}

    assert unknown == {}, "add the language to TESTED, with a test of its blocks"


def completed(block: Block, folder: Path) -> Path:
    """Write a block as a configuration file, with the keys it lacks and the files it names."""
    document = tomllib.loads(block.text)
    database = document.setdefault("database", {})
    if not database.keys() & {"dsn", "dsn_file", "embedded"}:
        database["dsn"] = CONTENTS["dsn"]
    organization = {"name": "acme", "organization_id": 42}
    if not any("api_key_file" in given for given in document.get("organization", [])):
        organization["api_key"] = "cal_secret"
    document["organization"] = [
        organization | given for given in document.get("organization", [{}])
    ]
    for name in re.findall(r'_file = "([^"]+)"', block.text):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(CONTENTS[path.suffix[1:]], encoding="utf-8")
        path.chmod(0o600)
    written = folder / "calscim.toml"
    written.write_text(tomlkit.dumps(document), encoding="utf-8")
    return written


@pytest.mark.parametrize("block", blocks_in("toml"))
def test_the_daemon_loads_a_toml_block(block, tmp_path):
    load(completed(block, tmp_path), {})


def test_the_daemon_loads_the_keys_in_the_text_of_a_page(tmp_path):
    spans = {
        (page, *span)
        for page in PAGES
        for span in re.findall(r"`([a-z]+)\.([a-z_]+ = [^`]+)`", page.read_text(encoding="utf-8"))
    }

    assert spans
    for page, section, line in spans:
        block = Block(page.name, 0, "toml", f"[{section}]\n{line}\n")
        load(completed(block, tmp_path), {})


@pytest.mark.parametrize("block", blocks_in("json"))
def test_a_json_block_is_json(block):
    json.loads(block.text)


def test_the_answer_of_the_change_feed_follows_its_schema():
    (block,) = (
        block
        for block in blocks()
        if block.text.startswith("$ curl 'http://127.0.0.1:8086/v1/events")
    )
    answer = json.loads(block.text.partition("\n")[2])

    for event in answer["events"]:
        checked(event)
    assert answer["next"] == answer["events"][-1]["seq"]


@pytest.mark.parametrize("block", blocks_in("yaml"))
def test_a_yaml_block_is_yaml(block):
    assert list(yaml.safe_load_all(block.text)) != [None]


@pytest.mark.parametrize("block", blocks_in("ini"))
def test_an_ini_block_is_a_part_of_a_configuration(block):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    text = block.text if block.text.startswith("[") else f"[part]\n{block.text}"

    parser.read_string(text)

    assert all(parser.items(section) for section in parser.sections())


async def test_postgres_runs_the_sql_of_each_page(owner):
    version = int(await owner.fetchval("SHOW server_version_num")) // 10000
    for page in dict.fromkeys(block.page for block in blocks() if block.language == "sql"):
        transaction = owner.transaction()
        await transaction.start()  # roles belong to the whole server: they are rolled back
        for block in (block for block in blocks() if (block.page, block.language) == (page, "sql")):
            for statement in statements(block.text):
                newer = re.search(r"-- Postgres (\d+) and newer", statement)
                if not newer or version >= int(newer[1]):
                    await owner.execute(runnable(statement))
        await transaction.rollback()


def statements(sql):
    """Return the statements of a block, each with the comment after it."""
    return re.findall(r"[^;]+;[^\n]*\n", sql)


def runnable(statement):
    """Return the statement with other roles than those of the server; without effect if it needs its own transaction."""
    renamed = re.sub(r"\bcalscim(_\w+)?\b(?!\.)", r"docs_calscim\1", statement)
    if re.match(r"\s*CREATE DATABASE", renamed):
        return f"DO $docs$ BEGIN RETURN; {renamed} END $docs$"  # parsed only
    return renamed


@pytest.mark.skipif(
    not shutil.which("nginx"), reason="no nginx is installed (apt-get install nginx)"
)
@pytest.mark.parametrize("block", blocks_in("nginx"))
def test_nginx_accepts_the_block(block, tmp_path):
    server = block.text if "server {" in block.text else f"server {{ {block.text} }}"
    server = server.replace("443 ssl", "8443")  # the page leaves out the certificate
    path = tmp_path / "nginx.conf"
    path.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ {server} }}\n", encoding="utf-8")

    checked = subprocess.run(
        ["nginx", "-t", "-e", tmp_path / "error.log", "-c", path], capture_output=True, text=True, check=False
    )  # fmt: skip

    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
async def test_the_script_of_the_site_draws_every_diagram():
    script = ROOT / "tools/site/theme/assets/javascripts/mermaid.tiny.js"
    diagrams = {str(block): block.text for block in blocks() if block.language == "mermaid"}
    async with browsing() as context:
        page = await context.new_page()
        await page.add_script_tag(path=script)

        wrong = await page.evaluate(
            """async diagrams => {
                const wrong = {};
                for (const [name, text] of Object.entries(diagrams))
                    try { await mermaid.render("diagram", text) } catch (error) { wrong[name] = error.message }
                return wrong;
            }""",
            diagrams,
        )

    assert diagrams
    assert wrong == {}
