"""Former names of modules, which README and the notebooks once used. They can still be imported."""

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
    """An import finder for former names: `import stylegen.updates` gives `stylegen.optimize.updates`.

    It stands last in `sys.meta_path`, so that a module that really has such a name is found first.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns a spec for a former name, else None; see `importlib.abc.MetaPathFinder.find_spec`."""
        return ModuleSpec(name, self) if name in FORMER_NAMES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Returns None: Python makes an empty module; see `importlib.abc.Loader.create_module`."""

    def exec_module(self, module: ModuleType) -> None:
        """Puts the module of today into `sys.modules`, from which the import takes its result."""
        sys.modules[module.__name__] = importlib.import_module(FORMER_NAMES[module.__name__])
