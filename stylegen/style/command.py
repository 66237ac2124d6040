"""What a command line asks for: the settings from typed flags, a published program or a replayed result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from absl.flags import FlagValues

from stylegen.runs import cli, records
from stylegen.style.options import PictureSettings, StyleResultSettings, find_moved
from stylegen.style.presets import BY_NETWORK
from stylegen.style.settings import StyleSettings
from stylegen.utils.errors import UserError

PROGRAM = 'stylegen.style'  # as results call it
WEIGHTS = ('content_weight', 'style_weight')


@dataclass(frozen=True)
class Command:
    """What a command line asks for.

    Attributes:
        style: How the pictures are painted.
        sources: The paths of the pictures, and the seed.
        results: How results are written.
        typed: Names of the flags that were typed.
        replayed: The record of the result that is made again, or None.
    """

    style: StyleSettings
    sources: PictureSettings
    results: StyleResultSettings
    typed: frozenset[str]
    replayed: dict[str, Any] | None = None

    @classmethod
    def read(cls, flags: FlagValues) -> Command:
        """The command of flags, with the result that --replay names.

        Raises:
            UserError: A value that cannot be; flags that contradict each other; a result that cannot be made again.
        """
        replay = cli.settings_of(StyleResultSettings, flags).replay
        if replay is None:
            return cls.of(flags, {})
        if flags.like:
            raise UserError('--replay has the settings of its result already; leave out --like')
        recorded, record = read_replay(replay, flags.network if flags['network'].present else None)
        command = cls.of(flags, recorded, record)
        records.check_files(record, command.recorded, command.typed)
        return command

    @classmethod
    def of(cls, flags: FlagValues, recorded: Mapping[str, Any], record: dict[str, Any] | None = None) -> Command:
        """The command of flags: what was typed wins over what was recorded.

        Args:
            flags: As they were parsed.
            recorded: Settings of a result that is made again, by name.
            record: Its whole record, or None.

        Raises:
            UserError: --strength was typed beside a weight.
        """
        typed = frozenset(name for name in flags if flags[name].present)
        dropped: dict[str, Any] = {}
        weights = typed.intersection(WEIGHTS)
        if 'strength' in typed and weights:
            raise UserError(f'--strength balances content and style, --{min(weights)} weighs them; give one of the two')
        if 'strength' in typed:
            dropped |= dict.fromkeys(WEIGHTS)
        if 'network' in typed and flags.network != recorded.get('network', flags.network):
            dropped |= dict.fromkeys(('weights', *BY_NETWORK))
        return cls(
            cli.settings_of(StyleSettings, flags, recorded, dropped),
            cli.settings_of(PictureSettings, flags, recorded),
            cli.settings_of(StyleResultSettings, flags),
            typed,
            record,
        )

    @property
    def recorded(self) -> dict[str, Any]:
        """The settings that a result carries, by name."""
        return self.sources.recorded() | self.style.recorded()

    def check(self, say: Callable[[str], None], *, many: bool) -> None:
        """Refuses flags that contradict others, and tells `say` in a line which flags change nothing.

        Args:
            say: Prints.
            many: Whether there may be several results.

        Raises:
            UserError: With the first flag that is refused, and why.
        """
        for name, why in self._contrary(many).items():
            if name in self.typed:
                raise UserError(f'leave out --{name}: {why}')
        cli.report_unused_flags({name: why for name, why in self._idle(many).items() if name in self.typed}, say)

    def _contrary(self, many: bool) -> dict[str, str]:
        """The flags that contradict others, and why they do."""
        like = self.style.like
        contrary: dict[str, str] = {}
        if like:
            contrary |= dict.fromkeys(('strength', *WEIGHTS, 'tv_weight'), f'--like={like} has its own weights')
        if many:
            contrary['film'] = 'a film shows one result, and there are several'
            if self.results.overwrite:
                contrary['skip_existing'] = '--overwrite makes again what is there'
        return contrary

    def _idle(self, many: bool) -> dict[str, str]:
        """The flags that change nothing, and why they do not."""
        color, init = self.style.color, self.style.init
        idle: dict[str, str] = {}
        if self.style.optimizer == 'lbfgs':
            idle['learning_rate'] = 'lbfgs finds the length of its steps'
        if color == 'style':
            idle |= dict.fromkeys(('color_time', 'color_map'), "the colours are the style's")
        elif color != 'linear':
            idle['color_map'] = f'--color={color} takes no linear map'
        if self.style.init_picture or init in ('content', 'one_pass'):
            idle['seed'] = f'nothing is drawn at random with --init={init}'
        if self.style.style_size:
            idle['style_scale'] = '--style_size is the size of the style'
        if not many:
            output = self.results.output
            idle['overwrite'] = 'a single --output is replaced' if output else 'the result takes a free name'
            if not output:
                idle['skip_existing'] = 'the result takes a free name'
        return idle


def read_replay(path: str, network: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings and the whole record of a result that is made again. Its files are looked for where it lies now.

    Args:
        path: The result.
        network: The network that was typed, or None. A network that is a file must be typed.

    Raises:
        UserError: The file has no settings, or those of another program, or its network is a file that was not typed.
    """
    settings, record, moved = records.recorded_settings(
        path, PROGRAM, network=network, files=('mask', 'weights'), lists=('content',)
    )
    find_moved(settings, moved)
    settings['init'] = moved.get(settings['init'], settings['init'])
    return settings, record
