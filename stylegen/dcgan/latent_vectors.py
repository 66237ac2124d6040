"""Latent vectors by seed; each depends on its own seed only."""

from collections.abc import Iterable

import numpy as np


def latents(seeds: Iterable[int], dim: int) -> np.ndarray:
    """Returns standard normal vectors, float32 (len(seeds), dim); a row depends on its seed (0 and up) and on `dim`.

    Philox (Salmon et al. 2011) keyed by the seed: the first n entries of a longer vector are the shorter one.

    Example:
        generator = open_generator(embedded='cifar10')
        pictures = generator(latents(range(64), generator.latent_dim))
    """
    rows = [np.random.Generator(np.random.Philox(key=seed)).standard_normal(dim, np.float32) for seed in seeds]
    return np.stack(rows) if rows else np.zeros((0, dim), np.float32)
