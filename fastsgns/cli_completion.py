"""The command `fastsgns completion`: a script by which a shell completes commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fastsgns.cli_parser import AddCommand

__all__ = ["add_command"]

SHELLS = ("bash", "zsh", "fish")
# Metavars of what is a file, or a folder of files.
FILE_METAVARS = ("FILE", "MODEL", "CORPUS", "IN", "OUT")


def add_command(command: AddCommand, parser: argparse.ArgumentParser) -> None:
    """Add the command, by the function that makes the parser of one, for the whole parser."""
    sub = command(
        "completion", lambda args: print(script(parser, args.shell)),
        "Print a script for completion in a shell: of commands, options and files.",
        'eval "$(fastsgns completion bash)"',
        "fastsgns completion zsh > _fastsgns",
        "fastsgns completion fish > fastsgns.fish",
    )  # fmt: skip
    text = "put zsh's script into a folder of $fpath, fish's into ~/.config/fish/completions"
    sub.add_argument("shell", choices=SHELLS, help=text)


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell. It holds all that is to be completed: no Python runs when a key is pressed."""
    try:
        import shtab
    except ImportError as error:
        raise ImportError("shell completion needs shtab: pip install 'fastsgns[completion]'") from error
    for action in actions(parser):
        if action.metavar in FILE_METAVARS or action.dest in ("folder",):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


def actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of the parser and those of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from actions(sub)
