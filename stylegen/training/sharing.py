"""What programs that train on several devices share: the setting, and work that the chief alone does."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from stylegen.training.distribution import DISTRIBUTIONS
from stylegen.utils.settings import setting


def distribute_setting(group: str) -> Any:
    """Declares the field `distribute` of a settings record: a name in `DISTRIBUTIONS`."""
    return setting(
        'none',
        'share each batch among the devices of this machine, or of the cluster of TF_CONFIG',
        group=group,
        choices=DISTRIBUTIONS,
    )


def chief_only(work: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a method that only the chief of a cluster runs, because only the chief uses the workdir.

    Its object has its `Devices` as `devices`.
    """

    @wraps(work)
    def done(self: Any, *args: Any) -> Any:
        return work(self, *args) if self.devices.chief else None

    return done
