"""The settings of the page: where it listens, and how much it takes."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

from stylegen.runs.settings import MemorySettings
from stylegen.utils.errors import UserError
from stylegen.utils.settings import setting

PASSWORD_VARIABLE = 'STYLEGEN_PASSWORD'


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


@dataclass(frozen=True, kw_only=True)
class StudioSettings(MemorySettings):
    """Settings of the page.

    Attributes:
        password: A flag is seen by other users of the machine in the list of processes. The variable
            STYLEGEN_PASSWORD is not.
    """

    host: str = setting('127.0.0.1', 'address to listen on; one that others reach needs a password', group='Page')
    port: int = setting(7860, '0: any free one', group='Page', at_least=0, at_most=65535)
    password: str | None = setting(
        None, f'visitors must type it, beside any name; {PASSWORD_VARIABLE} gives it unseen', group='Page'
    )
    browser: bool = setting(True, 'open the page in the browser', group='Page')
    size: int = setting(
        1600, 'longest side of a photo; larger ones are made smaller', group='Limits', at_least=64, at_most=8192,
        unit='pixels',
    )  # fmt: skip
    upload: int = setting(50, 'largest file that is taken', group='Limits', at_least=1, at_most=2000, unit='MB')
    waiting: int = setting(12, 'jobs that may wait for the machine', group='Limits', at_least=1, at_most=1000)
    kept: int = setting(24, 'results that a visitor keeps', group='Limits', at_least=1, at_most=200)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_loopback(self.host) and not self.secret:
            raise UserError(
                f'others can reach the page at {self.host}; give a --password too, or set {PASSWORD_VARIABLE}'
            )

    @property
    def secret(self) -> str | None:
        """The password that is asked for, or None."""
        return self.password or os.environ.get(PASSWORD_VARIABLE) or None
