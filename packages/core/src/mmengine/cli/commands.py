"""The commands of the program, collected from what installed distributions offer; only the program imports this."""
from __future__ import annotations

from importlib import metadata

import click
from click.shell_completion import CompletionItem

from mmengine.cli.summary import first_sentence, summary_of
from mmengine.utils.suggest import did_you_mean
from mmengine.version import __version__

#: group of the entry points `name = module:command`
GROUP = 'mmengine.commands'


class Commands(click.Group):
    """A group whose commands are imported when they are called; help and completion read their sources alone."""

    @staticmethod
    def offered() -> dict[str, metadata.EntryPoint]:
        """Find the commands of installed distributions; nothing is imported."""
        return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of the commands."""
        return sorted({*super().list_commands(ctx), *self.offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; one that does not import is still listed, and says why when it is called."""
        known = super().get_command(ctx, cmd_name)
        entry = self.offered().get(cmd_name)
        if known is not None or entry is None:
            return known
        try:
            command = entry.load()
        except Exception as error:
            return _broken(cmd_name, entry, error)
        if not isinstance(command, click.Command):
            return _broken(cmd_name, entry, TypeError(f'{entry.value} is no click command, but {command!r}'))
        return command

    def summaries(self, ctx: click.Context) -> dict[str, str]:
        """Give each command with what it does, in the order of their names."""
        offered = self.offered()
        found: dict[str, str] = {}
        for name in self.list_commands(ctx):
            text = summary_of(offered[name]) if name in offered and name not in self.commands else None
            if text is None:
                command = self.get_command(ctx, name)
                text = '' if command is None else command.short_help or first_sentence(command.help or '')
            found[name] = text
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in the help."""
        with formatter.section('Commands'):
            formatter.write_dl(list(self.summaries(ctx).items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, or an option."""
        if incomplete.startswith('-'):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in self.summaries(ctx).items()
                if name.startswith(incomplete)]

    def resolve_command(self, ctx: click.Context,
                        args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith('-') and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            have = f'There are {", ".join(known)}.' if known else 'No installed distribution has commands.'
            ctx.fail(f'There is no command {name!r}.{did_you_mean(name, known)} {have}')
        return super().resolve_command(ctx, args)


def _broken(name: str, entry: metadata.EntryPoint, error: Exception) -> click.Command:
    owner = entry.dist.name if entry.dist is not None else 'an unknown distribution'
    text = f'{name}, of {owner}, does not import: {type(error).__name__}: {error}'

    def fail() -> None:
        raise click.ClickException(text)

    return click.Command(name, callback=fail, short_help=text, add_help_option=False,
                         context_settings={'ignore_unknown_options': True, 'allow_extra_args': True})


@click.group(cls=Commands, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='mmengine')
def program() -> None:
    """Work with the parts of MMEngine from the command line.

    Each installed part adds its commands. What is printed is in colour on a terminal and plain in a pipe; NO_COLOR
    is respected.

    \b
    Exit codes, of every command:
        0    all is well
        1    it failed, or it found something: a difference, a problem, a damaged file
        2    the command, a file or a config that it was given is wrong
        130  it was ended by Ctrl-C; 143 by SIGTERM

    \b
    Example:
        mmengine config show configs/my_config.py
    """
