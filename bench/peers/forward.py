#!/usr/bin/env python3
"""Images a second of torchvision's ResNet in eval mode, no gradients, on batches in memory.

    /usr/bin/python3 forward.py ARCH SIZE BATCHES THREADS      # batches of 25
"""
import json
import sys
import time

import torch
import torchvision

arch, size, batches, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
model = getattr(torchvision.models, arch)(weights=None).eval()
images = torch.rand(25, 3, size, size)
with torch.inference_mode():
    for _ in range(2):
        model(images)
    started = time.perf_counter()
    for _ in range(batches):
        model(images)
print(json.dumps({"imagesPerSecond": 25 * batches / (time.perf_counter() - started)}))
