"""Time a dream step with and without what stylegen.backend chooses for a CPU: oneDNN convolutions, no XLA.

Command:   python experiments/benchmarks/backend.py
Time:      3 minutes on two cores
Expected:  a table of medians and ratios; what was measured stands in stylegen/backend.py

The three settings take turns in processes of their own, since they are read when TensorFlow starts.
"""

import os
import statistics
import subprocess
import sys

SETTINGS = {'oneDNN': ('1', 'off'), 'Eigen': ('0', 'off'), 'XLA': ('1', 'on')}
ROUNDS = 3
MEASURE = """
import sys, time
import numpy as np
from stylegen import networks
from stylegen.losses import dream_loss
from stylegen.optimize import Objective, Term, optimize_image
from stylegen.updates import normalized_step
extractor = networks.feature_extractor('mini', ('block4_conv2',))
objective = Objective(extractor, (Term('block4_conv2', 1.0, dream_loss('block4_conv2')),))
update, image = normalized_step(0.004), np.random.default_rng(0).random((1, 384, 512, 3), np.float32)
optimize_image(image, objective, update, 2, jit=sys.argv[1])
began = time.perf_counter()
optimize_image(image, objective, update, 10, jit=sys.argv[1], steps_per_call=10)
print((time.perf_counter() - began) / 10)
"""


def seconds_per_step(onednn: str, jit: str) -> float:
    environment = os.environ | {'TF_ENABLE_ONEDNN_OPTS': onednn}
    command = [sys.executable, '-c', MEASURE, jit]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(ROUNDS):
        for name, setting in SETTINGS.items():
            times[name].append(seconds_per_step(*setting))
    fastest = statistics.median(times['oneDNN'])
    print(f'mini to block4_conv2, 512 x 384, gradient and step; median of {ROUNDS}')
    for name, values in times.items():
        median = statistics.median(values)
        print(f'{name:<8} {median:.3f} s a step   {median / fastest:.2f} x')


if __name__ == '__main__':
    main()
