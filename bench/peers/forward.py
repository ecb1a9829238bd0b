"""Images a second of torchvision's ResNet or a network of timm in eval mode, without gradients, on batches in memory, in each layout.

    forward.py ARCH SIZE BATCHES THREADS IMAGES_A_BATCH
"""
import json
import sys

import torch
from networks import LAYOUTS, RESNETS, build, build_timm, seconds

arch, size, batches, threads, count = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
rates = {}
with torch.inference_mode():
    for layout, memory_format in LAYOUTS.items():
        model = build(arch, layout).eval() if arch in RESNETS else build_timm(arch, size, layout)
        images = torch.rand(count, 3, size, size).to(memory_format=memory_format)
        for _ in range(2):
            model(images)
        started = seconds()
        for _ in range(batches):
            model(images)
        rates[layout] = count * batches / (seconds() - started)
layout = max(rates, key=rates.get)
print(json.dumps({"imagesPerSecond": rates[layout], "layout": layout}))
