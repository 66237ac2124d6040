"""Measure many pictures: the engine of --cluster alone, and `style apply` with it, without it and in a shell loop.

Command:   python experiments/benchmarks/cluster.py [--parts=engine,files,apply] [--rounds=3] [--photos=24] [--side=512]
Needs:     the extra `cluster`: pip install -e ".[cluster]"
Time:      TIME
Expected:  EXPECTED

engine: seconds of a folder of tiny files that are copied, so that only the engine is measured: names in a table, a
task of Ray, a scratch folder, a file written beside and renamed, a line in the manifest. By the difference between a
short and a long folder, so that Ray's start is not in it, but told apart.

files: seconds of processor time that one photo takes to be read from a JPEG and written as a PNG.

apply: `style apply FOLDER --style=starry_night` in one process and with --cluster=local by 1 and 2 workers, for a short
and a long folder; and the command for each of some photos, as a shell loop does. The rows take turns, and medians of
all turns are printed: seconds of the start, and pictures a second after it.

What a million pictures of 1024 x 1024 cost
-------------------------------------------
Measured: 2.0 s for 1024 x 768 by one pass, and 37 s by optimisation (small_vgg), on two cores of an EPYC (README, "Speed
and memory"; one process each). Per picture of 1024 x 1024 that is 2.0 x 4/3 x 2 = 5.3 and 37 x 4/3 x 2 = 99 core-seconds.
Assumed: a core for 0.04 USD an hour, a GPU of the class of an H100 for 3 USD an hour with 16 cores; such a GPU does the
network's part 100 times as fast as two cores; nothing of ours was run on a GPU so far. Reading and writing stays on the
cores, FILES core-seconds a picture, so that one GPU needs many workers (--gpus_per_worker=0.0625).

    one pass, CPUs       1e6 x 5.3 s / 3600     = 1,480 core-hours    59 USD     23 h on a machine of 64 cores
    one pass, GPUs       GPUPASS
    optimisation, CPUs   1e6 x 99 s / 3600      = 27,400 core-hours   1,100 USD  18 days on 64 cores, 10 h on 2,740
    optimisation, GPUs   1e6 x (37 x 4/3 / 100) s / 3600 = 137 GPU-hours     411 USD    6 days on one, 17 h on 8

The engine: ENGINE of the driver's time a picture. A result of about 2 MB (PNG): a million are 2 TB, 46 USD a month at
an assumed 0.023 USD a GB and month, and 5 USD for a million writes to S3.

Where it breaks first, by the arithmetic, nothing above 2,000 files was run:

    10^6   nothing. Names: NAMES bytes each on the driver's disk. Manifest: about 250 bytes a line, 0.25 GB.
    10^7   the driver, one process: at ENGINE a picture it feeds RATE pictures a second at most, 10^7 in HOURS.
           One pass on GPUs is faster than that from about GPUS GPUs on. Then: several commands, each with a part of the
           inputs and a folder of its own, or larger batches (`Job.batch`; seeds have 64).
    10^8   a listing of one folder: `fsspec` lists a folder of S3 as a whole (1,000 names a request, about 0.5 KB of
           memory a name in the driver: 50 GB), and local folders of 10^8 files are slow. Several folders are needed,
           which are several commands. The manifest, read again at each start: 25 GB, about 10 minutes.
    10^9   the store: 2 PB, and S3 takes 3,500 writes a second and prefix: 80 hours for one prefix. The head node holds
           nothing per picture (at most one task a worker is in flight), so Ray's limit is its number of workers, of
           which 10,000 actors are said to be tested. Money: one pass on CPUs 59,000 USD.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from absl import app, flags

from stylegen import images
from stylegen.cluster.job import Input, Job
from stylegen.cluster.making import make_all
from stylegen.cluster.names import Names
from stylegen.cluster.settings import ClusterSettings
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.utils.console import Console

_PARTS = flags.DEFINE_list('parts', ['engine', 'files', 'apply'], 'Parts to measure: engine, files, apply.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Turns of each row.')
_PHOTOS = flags.DEFINE_integer('photos', 24, 'Photos of the long folder of apply.')
_FEW = flags.DEFINE_integer('few', 6, 'Photos of the short folder of apply; more than 4, so that TensorFlow paints.')
_LOOP = flags.DEFINE_integer('loop', 3, 'Photos of the shell loop.')
_SIDE = flags.DEFINE_integer('side', 512, 'Longest side of the photos, 4 to 3, in pixels.')
_TINY = flags.DEFINE_list('tiny', ['100', '1100'], 'Files of the short and the long folder of engine.')
_CHILD = flags.DEFINE_list('child', None, 'Internal: the folder, workers and batch of one run of engine.')


@dataclass(frozen=True)
class Copy(Job):
    """Copies files."""

    batch: int = 1
    settings = {'program': 'copy'}  # noqa: RUF012

    def open(self, memory):
        return lambda task: task.output.write_bytes(task.file.read_bytes())


def engine_once(folder, workers, batch):
    """Copies a folder; prints the seconds."""
    began = time.perf_counter()
    settings = ClusterSettings(cluster='local', workers=int(workers))
    make_all(
        Copy(int(batch)), [folder], f'{folder}-out-{time.time_ns()}', settings, overwrite=False, console=Console(True)
    )
    print(json.dumps({'seconds': time.perf_counter() - began, 'processor': time.process_time()}))


def seconds_of(*command):
    """The seconds of wall time of a command, which must succeed."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def start_and_rate(few, many, counts):
    """Seconds before the first picture, and pictures a second after it, from the medians of two folders."""
    short, long = statistics.median(few), statistics.median(many)
    rate = (counts[1] - counts[0]) / (long - short)
    return short - counts[0] / rate, rate


def engine(folder):
    """Prints what the engine takes by itself."""
    counts = [int(count) for count in _TINY.value]
    folders = [folder / f'tiny{count}' for count in counts]
    for place, count in zip(folders, counts, strict=True):
        place.mkdir()
        for number in range(count):
            (place / f'{number}.png').write_bytes(b'%d' % number)
    rows = [(workers, batch) for workers in (1, 2) for batch in (1, 64)]
    found = {(row, place): [] for row in rows for place in folders}
    for _ in range(_ROUNDS.value):
        for row, place in found:
            _, printed = seconds_of(__file__, f'--child={place},{row[0]},{row[1]}')
            found[row, place].append(json.loads(printed.splitlines()[-1]))
    print(f'\nengine: {counts[0]} and {counts[1]} files, medians of {_ROUNDS.value} turns')
    for row in rows:
        times = [[one['seconds'] for one in found[row, place]] for place in folders]
        start, rate = start_and_rate(*times, counts)
        driver = [statistics.median(one['processor'] for one in found[row, place]) for place in folders]
        used = (driver[1] - driver[0]) / (counts[1] - counts[0])
        print(
            f'{row[0]} workers, {row[1]:>2} at once: start {start:.1f} s, then {1e3 / rate:.2f} ms a file, '
            f'{1e3 * used:.2f} ms of processor time of the driver',
            flush=True,
        )
    names(100_000)


def names(count):
    """Prints what a name takes on the driver's disk, and how long it takes to list it."""
    began, table = time.perf_counter(), Names()
    texts = (Input(0, f'{number:020}.png', f's3://bucket/photos/{number}.png', str(number)) for number in range(count))
    table.add_inputs(texts)
    for _ in table.items('s3://bucket/painted', lambda name: ['.png']):
        pass
    size = sum(path.stat().st_size for path in Path(table._folder.name).iterdir())
    table.close()
    print(f'names: {size / count:.0f} bytes on disk and {1e6 * (time.perf_counter() - began) / count:.0f} us each')


def files(folder):
    """Prints the processor time that reading and writing a photo takes."""
    for side in (_SIDE.value, 1024):
        photo = write_photos(folder / f'read{side}', 1, side)[0]
        began, count = resource.getrusage(resource.RUSAGE_SELF), 10
        for _ in range(count):
            images.save_image(folder / 'written.png', images.load_image(photo))
        ended = resource.getrusage(resource.RUSAGE_SELF)
        used = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        print(
            f'files: {used / count:.3f} s of processor time to read a JPEG and write a PNG of {side} x {side * 3 // 4}'
        )


def write_photos(folder, count, side):
    """Writes photos that differ; returns their paths."""
    folder.mkdir()
    picture = images.resize(images.load_image(DEFAULT_PICTURE), (side * 3 // 4, side)).clip(0, 1)
    for number in range(count):
        picture[0, 0] = number / count
        images.save_image(folder / f'{number}.jpg', picture)
    return sorted(folder.iterdir())


ROWS = {
    'one process': (),
    '--cluster=local --workers=1': ('--cluster=local', '--workers=1'),
    '--cluster=local --workers=2': ('--cluster=local', '--workers=2'),
}


def apply(folder):
    """Prints pictures a second of `style apply`."""
    counts = _FEW.value, _PHOTOS.value
    folders = [folder / f'photos{count}' for count in counts]
    for place, count in zip(folders, counts, strict=True):
        write_photos(place, count, _SIDE.value)
    base = '-m', 'stylegen.style', 'apply', '--style=starry_night', '--quiet'
    found = {(row, place): [] for row in ROWS for place in folders}
    loop = []
    for turn in range(_ROUNDS.value):
        for row, place in found:
            output = folder / f'{place.name}-{turn}-{len(ROWS[row])}{ROWS[row][-1:]}'
            found[row, place].append(seconds_of(*base, place, f'--output={output}', *ROWS[row])[0])
        for photo in sorted(folders[1].iterdir())[: _LOOP.value]:
            loop.append(seconds_of(*base, photo, f'--output={folder / "loop.png"}')[0])
    size = f'{_SIDE.value} x {_SIDE.value * 3 // 4}'
    print(f'\napply: {counts[0]} and {counts[1]} photos of {size}, medians of {_ROUNDS.value} turns')
    for row in ROWS:
        start, rate = start_and_rate(*(found[row, place] for place in folders), counts)
        whole = counts[1] / statistics.median(found[row, folders[1]])
        print(f'{row:<28} start {start:5.1f} s, then {rate:.3f} pictures/s; {counts[1]} with the start: {whole:.3f}/s')
    print(f'{"a shell loop":<28} {1 / statistics.median(loop):.3f} pictures/s ({len(loop)} commands)', flush=True)


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f'Unexpected arguments: {argv[1:]}')
    if _CHILD.value:
        return engine_once(*_CHILD.value)
    with tempfile.TemporaryDirectory() as folder:
        for part in _PARTS.value:
            {'engine': engine, 'files': files, 'apply': apply}[part](Path(folder))


if __name__ == '__main__':
    app.run(main)
