"""What the command line's parsers share: examples in their help, one line for an error, options of several commands."""

from __future__ import annotations

import argparse
import copy
import sys
from typing import Any, NoReturn, Protocol

__all__ = [
    "AddCommand",
    "CommandParser",
    "HelpFormatter",
    "Parser",
    "UsageError",
    "add_json",
    "add_model",
    "positive",
]


class UsageError(Exception):
    """The command line asks for something that cannot be: exit 2."""


class AddCommand(Protocol):
    """Makes the parser of a command: its name, what runs it, what it does, and examples, a command line each.

    What comes before a colon or semicolon of what it does is told in the list of commands too.
    """

    def __call__(self, name: str, run: Any, text: str, *examples: str) -> argparse.ArgumentParser: ...


class HelpFormatter(argparse.HelpFormatter):
    """Keeps the lines of examples as they are, and lists commands like options."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):
            return "".join(map(self._format_action, action._get_subactions()))
        return super()._format_action(action)


class Parser(argparse.ArgumentParser):
    """One line for each error; argparse would print the whole usage before it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": HelpFormatter, **options})

    def _print_message(self, message: str, file: Any = None) -> None:
        """--help and --version; argparse's own says nothing of what could not be written."""
        print(message, end="", file=file or sys.stderr)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


class CommandParser(Parser):
    """Of a command: options may stand between its words, as in ``plot MODEL --method pca king queen``."""

    between = False  # two passes that argparse makes for that

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.between:
            return super().parse_known_args(args, namespace)
        found, wrong = (namespace, args), None
        try:
            found = super().parse_known_args(args, copy.copy(namespace))
        except UsageError as error:
            wrong = error
        if wrong or found[1]:
            self.between = True
            try:
                return self.parse_known_intermixed_args(args, namespace)
            except UsageError as error:
                raise (wrong or error) from None  # what is missing is told whole by the first
            finally:
                self.between = False
        return found


def add_model(sub: argparse.ArgumentParser) -> None:
    """The first argument of commands that ask vectors."""
    sub.add_argument("model", metavar="MODEL", help="vectors in any format that convert reads; - for standard input")


def add_json(sub: argparse.ArgumentParser, text: str = "print JSON") -> None:
    sub.add_argument("--json", action="store_true", help=text)


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number; write one such as 1000") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} must be at least 1")
    return value
