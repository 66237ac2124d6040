"""The stylizer of one command, and the lines that say what it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.runs import jobs, layer_weights
from stylegen.style.command import Command
from stylegen.style.options import PictureSettings, parse_regions, parse_styles
from stylegen.style.pictures import Pictures
from stylegen.style.settings import StyleSettings
from stylegen.style.styles import check_style
from stylegen.style.stylizer import Stylizer
from stylegen.style.weighting import shapes_of
from stylegen.utils.memory import AUTO, format_memory, memory_advice, parse_memory


@dataclass(frozen=True)
class Session:
    """The stylizer of one command.

    Attributes:
        stylizer: Its settings say which network, precision and memory 'auto' became.
        replayed: The record of the result that is made again, or None.
    """

    stylizer: Stylizer
    replayed: dict[str, Any] | None

    @classmethod
    def open(cls, command: Command, workdir: str | Path | None) -> Session:
        """Opens the network of a command.

        Args:
            command: Its settings count. The precision 'auto' becomes the fastest on this machine. The memory 'auto'
                becomes that of the state in `workdir`, or else what is free.
            workdir: Where a state may be kept, or None.
        """
        from stylegen.utils.backend import fast_precision

        settings = command.style
        settings = settings.replace(
            max_memory=jobs.resolve_memory(str(settings.max_memory), workdir),
            precision=fast_precision() if settings.precision == AUTO else settings.precision,
        )
        stylizer = Stylizer(settings=settings, regions=len(parse_regions(command.sources.region)))
        return cls(stylizer, command.replayed)

    @property
    def settings(self) -> StyleSettings:
        """The settings of the stylizer."""
        return self.stylizer.settings

    def describe(self) -> list[str]:
        """Lines that say which network and which layers are used."""
        layers = self.settings.style_layers, self.settings.content_layers
        style, content = map(layer_weights.format_weights, layers)
        return [
            f'network  {self.stylizer.network_note}',
            f'layers   of style: {style}',
            f'layers   of content: {content}',
        ]

    def describe_result(self, sources: PictureSettings, pictures: Pictures) -> list[str]:
        """Lines that say which pictures are used, which sizes and how much memory, and whether so much is free.

        Raises:
            UserError: A style or the content is too small for the network.
        """
        for path, size in pictures.style_sizes.items():
            check_style(f'the style {path}', size, self.stylizer.extractor.min_size)
        height, width = pictures.content.pixels.shape[:2]
        plan = self.stylizer.plan((height, width))
        lines = [f'content  {pictures.content.path}, {width} x {height}']
        shown = [f'{path}:{share:g}' if share != 1 else path for path, share in parse_styles(sources.style)]
        lines.append(f'style    {", ".join(shown) or "none"}')
        lines += [f'region   {mask}: {", ".join(styles)}' for mask, styles in parse_regions(sources.region).items()]
        groups = pictures.styles, *(styles for _, styles in pictures.regions)
        strides = self.stylizer.targets.strides
        if self.settings.shapes is None and not all(shapes_of(self.settings, strides, group) for group in groups):
            lines.append(
                'shapes   a style shows a face, so only its strokes and colours are taken (--shapes=1: its shapes too)'
            )
        sizes = [f'{s.size[1]} x {s.size[0]} ({s.steps})' for s in plan.stages]
        lines.append(f'sizes    and steps: {", ".join(sizes)}')
        cut = [stage for stage in plan.stages if stage.core]
        windows = f', in windows of up to {cut[-1].core} pixels from {max(cut[0].size)} on' if cut else ''
        allowed = format_memory(parse_memory(self.settings.max_memory))
        needed = f'about {format_memory(plan.memory)} of {allowed} allowed'
        lines.append(f'memory   {needed}, beside what TensorFlow takes to start{windows}')
        return lines + memory_advice(plan.memory)
