"""The pictures of one result, read from their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stylegen import images
from stylegen.runs.inputs import DEFAULT_SIZE, Inputs, read_mask, read_picture
from stylegen.style.options import DEFAULT_CONTENT, PictureSettings, parse_regions, parse_styles
from stylegen.style.styles import Styles


@dataclass(frozen=True)
class Pictures:
    """The pictures of one result.

    Attributes:
        content: The photograph.
        styles: The styles of the whole picture, or of what is in no region.
        regions: (mask, styles) each.
        mask: How much of the result shows, or None: all of it.
        init: The picture to begin with, or None.
        hashes: sha256 by path.
        style_sizes: (height, width) of each style by path.
    """

    content: images.Picture
    styles: Styles
    regions: list[tuple[np.ndarray, Styles]]
    mask: np.ndarray | None
    init: np.ndarray | None
    hashes: Mapping[str, str]
    style_sizes: Mapping[str, tuple[int, int]]

    @classmethod
    def read(
        cls, sources: PictureSettings, init: str | None, say: Callable[[str], None], file: Path | None = None
    ) -> Pictures:
        """Reads the pictures.

        Args:
            sources: Where they are.
            init: The path of the picture to begin with, or None.
            say: Is told when a large content is made smaller, and when only the first frame of a file is used.
            file: Where the content lies, if not at its path.

        Raises:
            UserError: A file that cannot be read, or a mask of another shape.
        """
        inputs = Inputs(say=say)
        source = sources.content[0] if sources.content else None
        defaults: dict[str, Any] = {'default': DEFAULT_CONTENT, 'default_size': DEFAULT_SIZE}
        content = read_picture(file or source, sources.size, say, **defaults, name=source if file else None)
        shape = content.pixels.shape[:2]
        style_sizes: dict[str, tuple[int, int]] = {}

        def read_styles(texts: Sequence[str]) -> Styles:
            read = [(path, inputs.load(path).pixels, share) for path, share in parse_styles(texts)]
            style_sizes.update({path: (pixels.shape[0], pixels.shape[1]) for path, pixels, _ in read})
            return [(pixels, share) for _, pixels, share in read]

        regions = parse_regions(sources.region)
        return cls(
            content,
            read_styles(sources.style),
            [(read_mask(inputs, mask, shape), read_styles(texts)) for mask, texts in regions.items()],
            read_mask(inputs, sources.mask, shape) if sources.mask else None,
            inputs.load(init).pixels if init else None,
            {content.path: content.sha256} | inputs.hashes,
            style_sizes,
        )
