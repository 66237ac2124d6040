"""The generators that ship with the package: their files, and how one is made of a run."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import weights
from stylegen.dcgan.load import Generator, fill
from stylegen.dcgan.plan import Plan
from stylegen.utils.errors import UserError
from stylegen.utils.files import as_json, digest_of
from stylegen.utils.npz import open_arrays, save_arrays, verify
from stylegen.utils.zips import TooLarge

EMBEDDED = ('caltech64', 'cifar10')  # generators of the package; the first is the default
SHIPPED = {name: Path(weights.__file__).parent / f'dcgan_{name}.npz' for name in EMBEDDED}
FACTS = 'facts'  # name of the array that holds the JSON text


def pack_generator(generator: Generator, path: str | Path, **facts: Any) -> str:
    """Writes a generator to one file: kernels as float16, vectors as float32.

    Args:
        generator: From `load_generator`.
        path: The `.npz`; its digest goes to the same name with `.sha256`.
        facts: What else is to be known of it, JSON-serialisable; its data and figures are, as far as it has them.

    Returns:
        The SHA-256 of the file.

    Raises:
        ValueError: A kernel has what float16 cannot hold.
    """
    arrays = {}
    for place, variable in enumerate(generator.model.variables):
        value = np.asarray(variable, np.float32)
        with np.errstate(over='ignore'):
            kept = value.astype(np.float16) if value.ndim > 1 else value
        if not np.isfinite(kept).all():
            raise ValueError(f'{variable.path} does not fit float16: its values must be finite and within 65504')
        arrays[f'{place:03d}/{variable.path}'] = kept
    facts = {
        'plan': generator.plan.as_settings(),
        'step': generator.step,
        'which': generator.which,
        'checkpoint': digest_of(generator.path),
        'settings': generator.settings,
        'data': generator.data,
        'figures': generator.metrics,
        **facts,
    }
    return save_arrays(path, {FACTS: np.array(json.dumps(as_json(facts))), **arrays}, compressed=True)


def load_packed(path: str | Path | None = None) -> Generator:
    """Loads a file of `pack_generator`.

    Args:
        path: The file; None: the first generator of the package, one of `SHIPPED`.

    Raises:
        UserError: It is not there, or no such file; that of the package has been changed.
    """
    path = Path(path or SHIPPED[EMBEDDED[0]])
    if path in SHIPPED.values():
        if not path.exists():
            raise UserError(f'this installation has no generator ({path.name}); give the --workdir of a run')
        verify(path)
    try:
        with open_arrays(path) as archive:
            arrays = dict(archive)
        facts = json.loads(str(arrays.pop(FACTS)))
        plan = Plan.of(facts['plan'])
        model = plan.sampler()
        fill(model, [array.astype(np.float32) for _, array in sorted(arrays.items())])
        known = facts.get('data') or {'sha256': facts['settings'].get('data')}, facts.get('figures') or {}
        return Generator(model, plan, facts['step'], facts['which'], path, facts['settings'], *known)
    except TooLarge:
        raise
    except (
        OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise UserError(f'{path} is no packed generator (.npz), or damaged') from error
