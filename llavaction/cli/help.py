"""Help that a person can read."""

from __future__ import annotations

from rich.markup import escape

from llavaction.cli.commands import COMMANDS, Command
from llavaction.config.compose import choices, groups_of
from llavaction.utils.console import output


def show_overview() -> None:
    """All commands, a line each."""
    output.print("[bold]llavaction[/bold]: fine-grained action understanding with multimodal language models\n")
    output.print("Usage: llavaction COMMAND [KEY=VALUE ...]\n")
    for command in COMMANDS.values():
        output.print(f"  [bold]{command.name:<16}[/bold] {escape(command.summary)}")
    output.print("\nHelp on one: llavaction COMMAND --help")


def show_command(command: Command, options: str = "") -> None:
    """What a command does, its groups and choices, and two examples."""
    output.print(f"[bold]llavaction {command.name}[/bold]: {escape(command.summary)}\n")
    output.print(f"Usage: llavaction {command.name} [KEY=VALUE ...]")
    if options:
        output.print(escape(options))
    groups = groups_of(command.root) if command.root else []
    if groups:
        output.print("\nGroups and choices (GROUP=CHOICE):")
        for name in groups:
            output.print(f"  [bold]{name:<12}[/bold] {escape(', '.join(choices()[name]))}")
    if command.root:
        output.print("\nSingle values: SECTION.KEY=VALUE; print them all with --config")
        output.print("Configs of your own: --configs FOLDER, laid out like the groups above")
    output.print("\nExamples:")
    for example in command.examples:
        output.print(f"  {escape(example)}")
