"""Time a dream step on a CPU with oneDNN, Eigen and XLA, in float32 and bfloat16. `utils.backend` chooses the first.

Command:   python experiments/benchmarks/backend.py
Time:      7 minutes on two cores
Expected:  a table of medians and their ratios to oneDNN in the same precision; stylegen/utils/backend.py gives the
           ratios that were measured in float32

The settings take turns in both precisions. Each measurement is a separate process, since TensorFlow reads the settings
when it starts.
"""

import os
import statistics
import subprocess
import sys

from measuring import precision_of, rows_of

SETTINGS = {'oneDNN': ('1', 'off'), 'Eigen': ('0', 'off'), 'XLA': ('1', 'on')}
ROWS = {row: (*setting, policy) for name, setting in SETTINGS.items() for row, policy in rows_of(name).items()}
ROUNDS = 3
MEASURE = """
import sys, time
import numpy as np
from stylegen import networks
from stylegen.losses import dream_loss
from stylegen.optimize import Objective, Term, optimize_image
from stylegen.optimize import normalized_step
extractor = networks.feature_extractor('mini', ('block4_conv2',), precision=sys.argv[2])
objective = Objective(extractor, (Term('block4_conv2', 1.0, dream_loss('block4_conv2')),))
update, image = normalized_step(0.004), np.random.default_rng(0).random((1, 384, 512, 3), np.float32)
optimize_image(image, objective, update, 2, jit=sys.argv[1])
began = time.perf_counter()
optimize_image(image, objective, update, 10, jit=sys.argv[1], steps_per_call=10)
print((time.perf_counter() - began) / 10)
"""


def seconds_per_step(onednn: str, jit: str, policy: str) -> float:
    environment = os.environ | {'TF_ENABLE_ONEDNN_OPTS': onednn}
    command = [sys.executable, '-c', MEASURE, jit, policy]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    times: dict[str, list[float]] = {row: [] for row in ROWS}
    for _ in range(ROUNDS):
        for row, setting in ROWS.items():
            times[row].append(seconds_per_step(*setting))
    medians = {row: statistics.median(values) for row, values in times.items()}
    print(f'mini to block4_conv2, 512 x 384, gradient and step; median of {ROUNDS}')
    for row, median in medians.items():
        against = f'oneDNN, {precision_of(row)}'
        print(f'{row:<17} {median:.3f} s a step   {median / medians[against]:.2f} x {against}', flush=True)


if __name__ == '__main__':
    main()
