"""The commands of the program, collected from what installed distributions offer; only the program imports this."""
from __future__ import annotations

from importlib import metadata

import click

from mmengine.utils.suggest import did_you_mean
from mmengine.version import __version__

#: group of the entry points `name = module:command`
GROUP = 'mmengine.commands'


class Commands(click.Group):
    """A group whose commands are imported when they are called, or when the help describes them."""

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

    def resolve_command(self, ctx: click.Context,
                        args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name."""
        name = args[0]
        if not name.startswith('-') and self.get_command(ctx, name) is None:
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

    Each installed part adds its commands.

    \b
    Example:
        mmengine config show configs/my_config.py
    """
