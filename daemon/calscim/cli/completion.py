"""calscim completion: print a script that completes verbs, options, choices and files in a shell."""

from calscim.cli.command import Command
from calscim.cli.parser import Parser
from calscim.cli.verbs import Verbs

SHELLS = ("bash", "fish", "tcsh", "zsh")


def register(verbs: Verbs) -> None:
    parser = verbs.add(
        "completion",
        _completion,
        data=False,
        details="Evaluate the script in the start-up file of bash or zsh, or write it to the folder of completions: "
        "/usr/share/bash-completion/completions/calscim for bash, _calscim in a folder of $fpath for zsh, "
        "~/.config/fish/completions/calscim.fish for fish.",
        examples=(
            'eval "$(calscim completion zsh)"',
            "calscim completion bash > /usr/share/bash-completion/completions/calscim",
            "calscim completion zsh > ~/.zfunc/_calscim",
        ),
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


async def _completion(command: Command) -> None:
    command.output.write(completion(command.arguments.shell))


def completion(shell: str) -> str:
    """Return the script for a shell."""
    import shtab  # noqa: PLC0415 - the other verbs do not need it

    from calscim.cli.main import all_verbs  # noqa: PLC0415 - that module loads this one

    root = all_verbs()
    _mark_paths(root, {"FILE": shtab.FILE, "FOLDER": shtab.DIRECTORY, "DIR": shtab.DIRECTORY})
    return shtab.complete(root, shell)


def _mark_paths(parser: Parser, kinds: dict[str, object]) -> None:
    """Let each argument whose value is a file or a folder complete from the file system."""
    for action in parser._actions:  # noqa: SLF001 (argparse has no other way)
        if isinstance(action.metavar, str) and action.metavar in kinds:
            action.complete = kinds[action.metavar]  # type: ignore[attr-defined]
    for below in parser.verbs.values():
        _mark_paths(below, kinds)
