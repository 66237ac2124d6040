"""Measure many pictures: the engine of --cluster alone, and `style apply` with it, without it and in a shell loop.

Command:   python experiments/benchmarks/cluster.py [--parts=engine,files,apply] [--rounds=3] [--photos=24] [--side=512]
Needs:     the extra `cluster`: pip install -e ".[cluster]"
Time:      a turn of apply 90 seconds on two free cores; engine 16 minutes on busy ones
Expected:  a table for each part. engine and files were measured once, at a low priority with a load of 7 to 17: 18 ms a
           file by 1 worker and 11 ms by 2, 8 and 7 ms with 64 at once; 1.6 to 1.8 ms of processor time of the driver,
           with 64 at once too little to be told from noise; 126 bytes a name; to read and write 512 x 384 0.09 s, and
           1024 x 768 0.38 s. apply on two free cores of a Xeon, float32, two turns of 24 photos of 512 x 384, a
           second with the start: one process 1.9 and 2.0, 1 worker 1.4 and 1.0, 2 workers 1.6 and 1.7, a shell loop
           0.9 and 1.2. Without the start, in the first turn: 4.8, 4.2, 5.6 (in the second the difference between the
           two folders was noise). So on one machine the cluster gains little: it is for several, and for what must
           not be lost

engine: seconds of a folder of tiny files that are copied, so that the engine alone is measured: a name in a table, a
task of Ray, a scratch folder, a file written beside and renamed, a line in the manifest. The time of a file is the
difference between a short and a long folder, so that Ray's start is not in it. "64 at once": a task of Ray has 64
files.

files: seconds of processor time that it takes to read a photo from a JPEG and to write it as a PNG.

apply: `style apply FOLDER --style=starry_night` in one process and with --cluster=local by 1 and 2 workers, for a short
and a long folder; and the command for each of some photos, as a shell loop does. The rows take turns. The medians of
the turns so far are printed after each: seconds of the start, and pictures a second after it.

What a million pictures of 1024 x 1024 cost
-------------------------------------------
Measured on two cores of an EPYC, in one process (README, "Speed and memory"): a photo of 1024 x 768 takes 2.0 s by one
pass and 37 s by optimisation (small_vgg). For 1024 x 1024 that is 2.0 x 4/3 x 2 = 5.3 and 37 x 4/3 x 2 = 99 seconds of
a core. 0.38 x 4/3 = 0.5 of them are the reading and the writing (part "files").
Assumed: a core costs 0.04 USD an hour. A GPU of the class of an H100, with 16 cores, costs 3 USD an hour. Such a GPU
does the network's part 100 times as fast as two cores. Nothing of ours was run on a GPU so far.

    one pass, CPUs      1e6 x 5.3 s = 1,480 core-hours                            59 USD, 23 h on 64 cores
    one pass, GPUs      1e6 x 0.5 s / 16 cores = 8.7 h for reading and writing    26 USD, 8.7 h on one
                        1e6 x 1.6 x 4/3 / 100 s = 6 h of the GPU beside it        (--gpus_per_worker=0.0625)
    optimisation, CPUs  1e6 x 99 s = 27,400 core-hours                            1,100 USD, 18 days on 64 cores
    optimisation, GPUs  1e6 x 37 x 4/3 / 100 s = 137 h                            411 USD, 6 days on one, 17 h on 8

A PNG of 1024 x 1024 has about 2 MB, so a million have 2 TB: 46 USD a month at an assumed 0.023 USD for a GB and month,
and 5 USD for the writes at an assumed 0.005 USD for 1,000. The engine adds 1.7 ms of the driver's time to each picture.

Where it would break first. Nothing above 2,000 files was run: this is arithmetic.

    10^6   Nothing. The table of names has 126 bytes a name, 0.13 GB on the driver's disk; the manifest about 250 bytes
           a line, 0.25 GB.
    10^7   The driver, which is one process. With 1.7 ms a picture it feeds 590 pictures a second, so that 10^7 take 4.7
           h at least. A GPU with 16 cores makes 16 / 0.5 = 32 pictures a second by one pass, so from 18 GPUs on the
           driver is the limit. Then larger batches help (`Job.batch`), or several commands, each with a part of the
           inputs.
    10^8   The names. `fsspec` lists a folder of a store as a whole, in the driver's memory: about 0.5 KB a name, 50 GB;
           S3 gives 1,000 names a request. Several folders are needed, which several commands work through. The manifest
           has 25 GB and is read anew at every start.
    10^9   The store. 2 PB; S3 takes 3,500 writes a second for a prefix by its documentation, so that one prefix takes
           80 hours. Money: 59,000 USD for one pass on CPUs, 46,000 USD a month for the store. The head node holds
           nothing per picture, at most one task for each worker. Ray's own release test starts 10,000 actors
           (many_actors).
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
            output = folder / f'{place.name}-{turn}-{[*ROWS].index(row)}'
            found[row, place].append(seconds_of(*base, place, f'--output={output}', *ROWS[row])[0])
        for photo in sorted(folders[1].iterdir())[: _LOOP.value]:
            loop.append(seconds_of(*base, photo, f'--output={folder / "loop.png"}')[0])
        show(turn + 1, counts, {row: [found[row, place] for place in folders] for row in ROWS}, loop)


def show(turns, counts, rows, loop):
    """Prints the medians of the turns so far."""
    size = f'{_SIDE.value} x {_SIDE.value * 3 // 4}'
    print(f'\napply: {counts[0]} and {counts[1]} photos of {size}, medians of {turns} turns')
    for row, times in rows.items():
        start, rate = start_and_rate(*times, counts)
        whole = counts[1] / statistics.median(times[1])
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
