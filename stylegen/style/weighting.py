"""Factors of the objective's terms: from a strength, from weights, or from a published formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from stylegen.style.faces import shows_face
from stylegen.style.published import PUBLISHED
from stylegen.style.settings import StyleSettings
from stylegen.style.styles import Styles

if TYPE_CHECKING:
    from stylegen.style.targets import Targets, TermKey

LARGE_SHAPES = 8  # pixels between the positions of a layer, from which on it sees shapes rather than strokes
LEAST_DISTANCE = 0.02  # of the content from the style; a smaller distance counts as this one


def set_factors(
    targets: Targets, settings: StyleSettings, content: np.ndarray, size: tuple[int, int], core: int
) -> np.ndarray:
    """Sets the factors of the objective's terms. Content and styles must be set before.

    Args:
        targets: The objective.
        settings: Settled settings.
        content: The content that was set, with its margin, (H, W, 3).
        size: (height, width) of the content without its margin.
        core: Side of the core of the windows that measure the content; 0: it is measured whole.

    Returns:
        The factor of each term, float32.
    """
    if settings.like:
        factors = _published_factors(targets, settings, size)
    elif settings.content_weight is None and settings.style_weight is None:
        factors = _balanced_factors(targets, settings, targets.style_distances(content, core))
    else:
        factors = _plain_factors(targets, settings)
    targets.variables.factors.assign(factors)
    return factors


def _balanced_factors(targets: Targets, settings: StyleSettings, distances: list[float]) -> np.ndarray:
    """Balances style and content by `strength`, so that it looks the same at every size and for every picture.

    The style's loss counts in units of the content picture's own style loss: it is 1 where the transfer begins. The
    content's loss is relative already.
    """
    weights = [_style_weight(targets, key) if key.kind == 'style' else 0.0 for key in targets.keys]
    distance = max(LEAST_DISTANCE, np.dot(weights, distances) / max(sum(weights), 1e-9))
    content_total = sum(targets.content_layers.values()) or 1.0
    factors = np.zeros(len(distances), np.float32)
    for number, key in enumerate(targets.keys):
        if key.kind == 'style':
            factors[number] = settings.strength * weights[number] / (sum(weights) or 1.0) / distance
        elif key.kind == 'content':
            weight = (1 - settings.strength) * cast(float, settings.content_scale)
            factors[number] = weight * targets.content_layers[key.layer] / content_total
        else:
            factors[number] = settings.tv_weight
    return factors


def _plain_factors(targets: Targets, settings: StyleSettings) -> np.ndarray:
    """Multiplies the relative losses by `content_weight` and `style_weight`; one that is not given is 1."""
    content_weight, style_weight = (1.0 if w is None else w for w in (settings.content_weight, settings.style_weight))
    style_total, content_total = sum(targets.style_layers.values()), sum(targets.content_layers.values())
    factors = [
        style_weight * _style_weight(targets, key) / style_total
        if key.kind == 'style'
        else content_weight * targets.content_layers[key.layer] / content_total
        if key.kind == 'content'
        else settings.tv_weight
        for key in targets.keys
    ]
    return np.asarray(factors, np.float32)


def _published_factors(targets: Targets, settings: StyleSettings, size: tuple[int, int]) -> np.ndarray:
    """Makes the losses those of a published program, for a picture of (height, width)."""
    formula = PUBLISHED[str(settings.like)].formula
    factors = []
    for key in targets.keys:
        if key.kind == 'variation':
            factors.append(formula.tv(size))
            continue
        _, height, width, channels = targets.shapes[key.layer]
        if key.kind == 'style':
            unit = formula.unit(targets.style_gram(key.layer, key.region))
            factors.append(formula.style(unit, channels, height * width, size) * _style_weight(targets, key))
        else:
            variance = float(targets.variables.total_variance[key.layer])
            weight = targets.content_layers[key.layer]
            factors.append(formula.content(variance, channels, height * width) * weight)
    return np.asarray(factors, np.float32)


def shapes_of(settings: StyleSettings, strides: Mapping[str, int], styles: Styles) -> float:
    """How much of the large shapes of some styles comes along, see `StyleSettings.shapes`.

    Args:
        settings: Settled settings.
        strides: Pixels between the positions of each style layer.
        styles: The styles of one region.
    """
    if settings.shapes is not None:
        return settings.shapes
    only_large = all(strides[layer] >= LARGE_SHAPES for layer in settings.style_layers)
    if settings.like or only_large:
        return 1.0
    return 0.0 if any(share and shows_face(picture) for picture, share in styles) else 1.0


def _style_weight(targets: Targets, key: TermKey) -> float:
    """The weight of a style term: its layer's, times the area of its region, and the share of its shapes."""
    shapes = targets.shares_of_shapes[key.region] if targets.strides[key.layer] >= LARGE_SHAPES else 1.0
    return targets.style_layers[key.layer] * targets.areas[key.region] * shapes
