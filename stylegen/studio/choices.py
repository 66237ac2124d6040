"""Small pictures with their names, of which a visitor clicks one."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

# uint8 or the path of a JPEG file, its name, and a line about it where more is known
Choice = tuple[np.ndarray | str, str] | tuple[np.ndarray | str, str, str]
QUALITY = 85  # of JPEG
# Buttons stay in place when pictures change, so that the keyboard's focus stays too. Names are text there, never HTML.
DRAW = """
const draw = () => {
  const items = props.value || [];
  element.setAttribute('role', 'group');
  element.setAttribute('aria-label', props.label);
  while (element.children.length > items.length) element.lastElementChild.remove();
  items.forEach((item, index) => {
    let button = element.children[index];
    if (!button) {
      button = document.createElement('button');
      button.type = 'button';
      button.append(document.createElement('img'), document.createElement('span'));
      element.append(button);
    }
    const [image, name] = button.children;
    if (image.getAttribute('src') !== item.src) image.src = item.src;
    image.alt = item.text === item.name ? item.name : `${item.name}: ${item.text}`;
    name.textContent = item.name;
    name.setAttribute('aria-hidden', 'true');  // it would be read twice
    button.title = item.text;
    button.setAttribute('aria-pressed', String((props.chosen || []).includes(index)));
  });
};
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button) return;
  const index = [...element.children].indexOf(button);
  if (props.keeps) {
    props.chosen = [...(props.chosen || []), index].slice(-props.keeps);
    draw();
  }
  trigger('select', {index: index, value: props.value[index].name});
});
watch(Object.keys({value: 0, chosen: 0}), draw);  // Gradio takes each word in quotes for an event
draw();
"""


def picture_choices(
    label: str, shown: Sequence[Choice] = (), *, keeps: int = 1, kind: str = '', **options: Any
) -> gr.HTML:
    """Pictures as buttons: by a click, or by Tab and Enter. The event `select` gives the `gradio.SelectData`.

    Unlike `gradio.Gallery` it shows whole names, tells of a second click on the same picture, and of nothing that the
    program chose. Updates: `gr.update(value=sent(pictures), chosen=[numbers of those that are marked])`.

    Args:
        label: What is chosen, for those who do not see it.
        shown: The pictures.
        keeps: How many of the clicked ones stay marked.
        kind: A class of the style sheet beside 'choices'.
        options: More for `gradio.HTML`.
    """
    return gr.HTML(
        sent(shown), label=label, html_template='', js_on_load=DRAW, apply_default_css=False,
        elem_classes=['choices', *kind.split()], keeps=keeps, chosen=[], **options,
    )  # fmt: skip


def sent(pictures: Sequence[Choice]) -> list[dict[str, str]]:
    """The pictures as the browser takes them."""
    return [
        {'src': _address(picture), 'name': name, 'text': more[0] if more else name} for picture, name, *more in pictures
    ]


def _address(picture: np.ndarray | str) -> str:
    """A picture within an address."""
    if isinstance(picture, np.ndarray):
        return _of_bytes(_jpeg(picture))
    return _of_file(picture)


@functools.cache
def _of_file(path: str) -> str:
    return _of_bytes(Path(path).read_bytes())


def _of_bytes(data: bytes) -> str:
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'JPEG', quality=QUALITY)
    return buffer.getvalue()
