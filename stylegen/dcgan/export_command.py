"""`python -m stylegen.dcgan export`: its flags, and what it does with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from stylegen.dcgan.card import PIXELS
from stylegen.dcgan.exporting import SUFFIXES, TOLERANCES, check_output, export, format_of
from stylegen.dcgan.opening import generator_flags, open_generator
from stylegen.runs import cli
from stylegen.runs.names import Output
from stylegen.utils.console import Console

DEFAULT_FORMAT = 'keras'
NAME = 'generator'  # of what is written where no name was given


def define_flags() -> cli.Flags:
    """All flags of the command, in groups."""
    flags = cli.Flags('Writes a generator in a format that other programs open.', export)
    generator_flags(flags, labels=False)
    flags.group('Result')
    flags.choice(
        'format', f'what to write; by default as --output says, else {DEFAULT_FORMAT}', list(SUFFIXES), default=None
    )
    text = f'file, or folder of a SavedModel; by default {NAME}.keras, {NAME}.tflite or {NAME}, or a free name like it'
    flags.path('output', text, default=None)
    told = '; '.join(f'{name}: {kind} {values}' for name, (kind, values) in PIXELS.items())
    flags.choice('pixels', f'values of the images; {told}', list(PIXELS))
    flags.choice('quantize', 'float16: weights of TFLite in half the space', list(TOLERANCES))
    flags.talk()
    return flags


def work(flags: FlagValues) -> None:
    """Does what the flags say."""
    console = Console(flags.quiet)
    format = flags.format or (format_of(flags.output) if flags.output else DEFAULT_FORMAT)
    output = Output(Path(flags.output)) if flags.output else Output.free(Path(NAME + SUFFIXES[format]))
    check_output(output.path, format, flags.pixels, flags.quantize)
    generator = open_generator(flags.workdir, checkpoint=flags.checkpoint, which=flags.which)
    options = {'format': format, 'pixels': flags.pixels, 'quantize': flags.quantize}
    made = output.save(lambda path, overwrite: export(generator, path, overwrite=overwrite, **options))
    facts = made.card
    inputs = ', '.join(f'{name} {each["type"]} {_shape(each)}' for name, each in facts['inputs'].items())
    images = facts['images']
    size = sum(file['bytes'] for file in facts['files'].values())
    console.say(
        f'{generator.which} generator of step {generator.step}: {inputs} to images {images["type"]} {_shape(images)}, '
        f'{images["values"]}',
        f'on {facts["parity"]["seeds"]} seeds it differs from the checkpoint by {made.difference:.2g} of the range of '
        f'pixels at most ({made.tolerance:.2g} is allowed)',
        f'{size / 1e6:.1f} MB in {made.path}, its card in {made.path}.md and {made.path}.json',
    )


def _shape(given: Mapping[str, Any]) -> str:
    return f'({", ".join(map(str, given["shape"]))})'
