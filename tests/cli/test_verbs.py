"""The definitions of the verbs: examples, help, exit codes, and the answer to a misspelled name."""

import re
import shlex

import pytest

from calscim.cli.main import all_verbs, one_verb, verb_in
from calscim.exit_codes import ExitCode

LEAVES = {parser.prog: parser for parser in all_verbs().leaves()}


@pytest.mark.parametrize("verb", LEAVES)
def test_each_verb_has_two_examples_that_the_parser_accepts(verb):
    assert len(LEAVES[verb].examples) >= 2

    for example in LEAVES[verb].examples:
        command = example.removeprefix('eval "$(').removesuffix(')"').partition(" > ")[0]
        words = shlex.split(command)[1:]
        arguments, unknown = one_verb(verb_in(words)).parse_known_args(words)
        assert (arguments.parser.prog, unknown) == (verb, [])


@pytest.mark.parametrize("verb", LEAVES)
def test_the_help_of_each_verb_shows_its_examples_and_exit_codes(calscim, verb):
    ran = calscim(*verb.split()[1:], "--help")

    assert all(f"\n  {example}\n" in ran.out for example in LEAVES[verb].examples)
    assert all(f"\n  {code:d}" in ran.out for code in LEAVES[verb].exits)
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("verb", LEAVES)
def test_each_argument_of_each_verb_has_a_help_text(verb):
    for action in LEAVES[verb]._actions:
        assert action.help or action.choices, action.dest


def test_the_help_lists_every_exit_code(calscim):
    shown = calscim("--help").out.partition("exit codes:\n")[2]

    assert [int(code) for code in re.findall(r"^  (\d+) ", shown, re.MULTILINE)] == list(ExitCode)


@pytest.mark.parametrize(
    ("arguments", "usage", "said"),
    [
        (("stauts",), "calscim [-h]", "there is no verb 'stauts': did you mean status?"),
        (("stauts", "directory"), "calscim [-h]", "did you mean status?"),
        (("token", "rotat"), "calscim token [-h]", "did you mean rotate?"),
        (
            ("plan", "--organisation", "acme"),
            "calscim plan [-h]",
            "there is no option --organisation: did you mean --organization?",
        ),
        (
            ("directory", "create", "--nam=x"),
            "calscim directory create [-h]",
            "there is no option --nam: did you mean --name?",
        ),
        (("plan", "--org", "acme"), "calscim plan [-h]", "did you mean --organization?"),
        (("--confg", "x", "plan"), "calscim [-h]", "did you mean --config?"),
        (("--json", "plan"), "calscim plan [-h]", "stand after the verb"),
        (("--yes", "x", "plan"), "calscim [-h]", "stand after the verb"),
        (("plan", "acme"), "calscim plan [-h]", "there is no argument 'acme': leave it out"),
        (("plan", "-x"), "calscim plan [-h]", "there is no option -x"),
        (
            ("mapping", "add", "--group", "a", "--team", "b", "--mode", "manged"),
            "calscim mapping add [-h]",
            "did you mean managed?",
        ),
    ],
)
def test_a_misspelled_name_is_answered_with_the_usage_of_that_verb_and_the_nearest_name(
    calscim, arguments, usage, said
):
    ran = calscim(*arguments)

    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert ran.err.startswith(f"usage: {usage}")
    assert said in ran.err
    assert "--help`" in ran.err


def test_an_error_message_cannot_move_the_cursor(calscim):
    assert "\x1b" not in calscim("plan", "--\x1b[2Jorg").err
