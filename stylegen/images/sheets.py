"""Puts many images on one sheet: a plain grid, or a contact sheet with labels."""

import math
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylegen.images.pixels import as_rgb, fit, resize

_CELL = (96, 512)  # smallest and largest side of a contact sheet's cell, in pixels


def grid(images: Iterable[np.ndarray], columns: int | None = None, gap: int = 4, background: float = 1.0) -> np.ndarray:
    """Puts images of one size side by side, row by row, with gaps between them and none around.

    Args:
        images: One or more, HxWx3 (or grey) float in [0, 1].
        columns: Images in a row; by default the grid is as square as possible.
        gap: Pixels between neighbours.
        background: The grey of gaps and empty places, in [0, 1].

    Returns:
        One float32 RGB image.

    Raises:
        ValueError: No images, images of different sizes, columns below 1 or a negative gap.

    Example:
        save_image('all.png', grid([first, second, third], columns=3))
    """
    images = [as_rgb(image) for image in images]
    if len({image.shape for image in images}) > 1:
        raise ValueError(f'images of one size are needed; got {sorted({image.shape[:2] for image in images})}')
    columns = _columns(len(images), columns)
    if gap < 0:
        raise ValueError(f'a gap is at least 0 pixels; got {gap}')
    height, width = images[0].shape[:2]
    sheet = np.full((*grid_shape(len(images), (height, width), columns, gap), 3), background, np.float32)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def grid_shape(count: int, shape: tuple[int, int], columns: int | None = None, gap: int = 4) -> tuple[int, int]:
    """Returns the height and width of a `grid` of `count` images of this height and width."""
    columns = _columns(count, columns)
    return math.ceil(count / columns) * (shape[0] + gap) - gap, columns * (shape[1] + gap) - gap


def contact_sheet(
    images: Iterable[np.ndarray], labels: Iterable[str], columns: int | None = None, title: str | None = None
) -> np.ndarray:
    """Puts images of any sizes into equal cells on white, each with a label under it, and a title on top.

    A cell has the size of the largest image, but 96 to 512 pixels a side. Images are scaled to fit it and keep their
    aspect. Long labels are wrapped.

    Args:
        images: One or more, HxWx3 (or grey) float in [0, 1].
        labels: One for each image.
        columns: Images in a row; by default the sheet is as square as possible.
        title: A heading.

    Returns:
        One float32 RGB image.

    Raises:
        ValueError: No images, another number of labels, or columns below 1.

    Example:
        sheet = contact_sheet([first, second], ['seed 0', 'seed 1'], title='Two seeds')
    """
    images, labels = [as_rgb(image) for image in images], [str(label) for label in labels]
    if len(images) != len(labels):
        raise ValueError(f'one label for each image is needed; got {len(labels)} labels for {len(images)} images')
    columns = min(_columns(len(images), columns), len(images))
    height, width = (int(np.clip(max(image.shape[axis] for image in images), *_CELL)) for axis in (0, 1))
    size = max(12, width // 16)
    font, heading = ImageFont.load_default(size=size), ImageFont.load_default(size=size * 3 // 2)
    line, gap = round(size * 1.3), size // 2
    wrapped = [_wrap(label, font, width) for label in labels]
    step_y = height + max(len(lines) for lines in wrapped) * line + 2 * gap
    step_x = width + gap
    total = columns * step_x + gap
    above = _wrap(title, heading, total - 2 * gap) if title else []
    first = gap + len(above) * round(line * 1.5)
    sheet = np.ones((first + math.ceil(len(images) / columns) * step_y, total, 3), np.float32)
    ink = Image.new('L', sheet.shape[1::-1])
    draw = ImageDraw.Draw(ink)
    for row, text in enumerate(above):
        draw.text((total / 2, gap / 2 + row * round(line * 1.5)), text, 255, heading, anchor='ma')
    for index, (image, lines) in enumerate(zip(images, wrapped, strict=True)):
        top, left = first + index // columns * step_y, gap + index % columns * step_x
        small = _fitted(image, height, width)
        y, x = top + (height - small.shape[0]) // 2, left + (width - small.shape[1]) // 2
        sheet[y : y + small.shape[0], x : x + small.shape[1]] = small
        for row, text in enumerate(lines):
            draw.text((left + width / 2, top + height + gap / 2 + row * line), text, 255, font, anchor='ma')
    return sheet * (1 - np.asarray(ink, np.float32)[..., None] / 255)


def _columns(count: int, columns: int | None) -> int:
    if not count:
        raise ValueError('a sheet needs at least one image; got none')
    if columns is not None and columns < 1:
        raise ValueError(f'a sheet has at least 1 column; got {columns}')
    return min(columns or math.ceil(math.sqrt(count)), count)


def _fitted(image: np.ndarray, height: int, width: int) -> np.ndarray:
    scale = min(height / image.shape[0], width / image.shape[1])
    shape = fit(image.shape, max(1, round(max(image.shape[:2]) * scale)))
    return np.clip(resize(image, (min(shape[0], height), min(shape[1], width))), 0, 1)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Breaks a text into lines no wider than `width`: at spaces, or inside a word that is longer than a line."""
    lines = ['']
    for word in text.split():
        joined = f'{lines[-1]} {word}'.strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append('')
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append('')
            lines[-1] += letter
    return lines
