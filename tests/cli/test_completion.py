"""The completion scripts: what a shell offers for a line that is half typed."""

import shutil
import subprocess

import pytest
import shtab

from calscim.cli.completion import SHELLS, completion

TRY = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_shtab_calscim
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Return a function that completes the last word in bash."""
    script = tmp_path_factory.mktemp("completion") / "calscim.bash"
    script.write_text(completion("bash"))

    def complete(*words: str) -> set[str]:
        ran = subprocess.run(
            ["bash", "--norc", "-c", TRY, "bash", str(script), "calscim", *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert ran.stderr == ""
        return set(ran.stdout.split())

    return complete


def test_the_verb_prints_the_script(calscim):
    ran = calscim("completion", "bash")

    assert (ran.code, ran.out, ran.err) == (0, completion("bash") + "\n", "")


def test_verbs_are_completed(complete):
    assert complete("mapp") == {"mapping"}
    assert {"add", "list", "remove", "export", "apply"} <= complete("mapping", "")


def test_options_are_completed_before_and_after_the_verb(complete):
    assert complete("--conf") == {"--config"}
    assert complete("mapping", "add", "--mo") == {"--mode"}


def test_choices_are_completed(complete):
    assert complete("mapping", "add", "--mode", "") == {
        "observe",
        "add-only",
        "managed",
        "exclusive",
    }
    assert complete("directory", "create", "--provider", "okt") == {"okta-scim-v2"}


def test_files_and_folders_are_completed(complete, tmp_path):
    (tmp_path / "mappings.toml").touch()
    (tmp_path / "months").mkdir()

    assert complete("mapping", "apply", f"{tmp_path}/ma") == {f"{tmp_path}/mappings.toml"}
    assert complete("--config", f"{tmp_path}/ma") == {f"{tmp_path}/mappings.toml"}
    assert complete("journal", "archive", "--to", f"{tmp_path}/m") == {f"{tmp_path}/months"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_reads_its_script(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(completion(shell))
    check = {"bash": ["-n"], "zsh": ["-n"], "fish": ["-n"], "tcsh": ["-f"]}[shell]

    ran = subprocess.run(
        [shell, *check, str(script)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_zsh_registers_the_completion_when_the_script_is_evaluated(tmp_path):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    (tmp_path / "script").write_text(completion("zsh"))
    start = 'autoload -Uz compinit && compinit -u -D; eval "$(cat script)"; print $_comps[calscim]'

    ran = subprocess.run(
        ["zsh", "-fc", start], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=60
    )

    assert (ran.stdout, ran.stderr) == ("_shtab_calscim\n", "")


def test_each_shell_is_one_that_shtab_knows(calscim):
    assert set(SHELLS) <= set(shtab.SUPPORTED_SHELLS)
    assert "did you mean bash?" in calscim("completion", "bsh").err
