"""Modules by the names that they had before the package had rooms: those that README and the notebooks showed."""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

FORMER_NAMES = {
    'stylegen.backend': 'stylegen.utils.backend',
    'stylegen.classes': 'stylegen.networks.classes',
    'stylegen.data': 'stylegen.datasets',
    'stylegen.shapes': 'stylegen.datasets.synthetic',
    'stylegen.updates': 'stylegen.optimize.updates',
}


class FormerNames:
    """Finds a module by its former name, once nothing else has: `import stylegen.updates` gives the module of now."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder.find_spec`."""
        return ModuleSpec(name, self) if name in FORMER_NAMES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """As `importlib.abc.Loader.create_module`: Python's own way."""

    def exec_module(self, module: ModuleType) -> None:
        """As `importlib.abc.Loader.exec_module`; the import gives what stands in `sys.modules` then."""
        sys.modules[module.__name__] = importlib.import_module(FORMER_NAMES[module.__name__])
