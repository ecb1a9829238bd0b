"""Images a second of torchvision's ResNet in eval mode, without gradients, on batches of 25 in memory, in each memory layout.

    forward.py ARCH SIZE BATCHES THREADS
"""
import json
import sys

import torch
from networks import LAYOUTS, build, seconds

arch, size, batches, threads = sys.argv[1], *map(int, sys.argv[2:5])
torch.set_num_threads(threads)
rates = {}
with torch.inference_mode():
    for layout, memory_format in LAYOUTS.items():
        model = build(arch, layout).eval()
        images = torch.rand(25, 3, size, size).to(memory_format=memory_format)
        for _ in range(2):
            model(images)
        started = seconds()
        for _ in range(batches):
            model(images)
        rates[layout] = 25 * batches / (seconds() - started)
layout = max(rates, key=rates.get)
print(json.dumps({"imagesPerSecond": rates[layout], "layout": layout}))
