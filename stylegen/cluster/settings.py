"""Settings of the cluster: where Ray is, and how its machines are shared out among workers."""

from __future__ import annotations

from dataclasses import dataclass

from absl.flags import FlagValues

from stylegen.cluster.stores import is_address
from stylegen.runs import cli
from stylegen.utils.errors import UserError
from stylegen.utils.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ClusterSettings(Settings):
    """Where a folder of pictures is worked through. It changes no picture."""

    cluster: str | None = setting(
        None,
        "Ray makes many pictures: 'local' on this machine, 'auto' on the cluster that this machine belongs to, or "
        'HOST:PORT; inputs and --output may then be addresses, such as s3://BUCKET/FOLDER',
        group='Machine',
    )
    workers: int | None = setting(
        None, 'of --cluster; by default one for each core, or for each share of a GPU', group='Machine', at_least=1
    )
    gpus_per_worker: float = setting(
        0.0, 'of --cluster: the share of a GPU that a worker takes, such as 0.25', group='Machine', at_least=0
    )

    @classmethod
    def read(cls, flags: FlagValues, *addresses: str | None) -> ClusterSettings:
        """The settings of parsed flags.

        Args:
            flags: The parsed flags.
            addresses: Inputs and the output, as they were typed.

        Raises:
            UserError: There are addresses, or flags of a cluster, and no --cluster.
        """
        settings = cli.settings_of(cls, flags)
        if settings.cluster:
            return settings
        for text in addresses:
            if text and is_address(text):
                raise UserError(f'{text} is an address; give --cluster=local too, or the path of a file or folder')
        for name in ('workers', 'gpus_per_worker'):
            if flags[name].present:
                raise UserError(f'--{name} shares out a cluster; give --cluster=local too, or leave it out')
        return settings
