"""Public names of a package, imported at first use."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Returns `__getattr__`, `__dir__` and `__all__` for a package that imports its modules at first use.

    Args:
        package: Its `__name__`.
        names: The public names, by the module that defines them.

    Returns:
        The two functions and the list.

    Example:
        __getattr__, __dir__, __all__ = lazy_names(__name__, {'io': ['load_image', 'save_image']})
    """
    homes = {name: f'{package}.{module}' for module, group in names.items() for name in group}

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        return getattr(importlib.import_module(homes[name]), name)

    return find, lambda: sorted(homes), sorted(homes)
