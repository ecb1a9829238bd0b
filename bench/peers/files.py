#!/usr/bin/env python3
"""What torchvision and PIL do with files.

    /usr/bin/python3 files.py list FOLDER        # seconds in which ImageFolder lists a folder a class
    /usr/bin/python3 files.py decode TABLE       # images a second, decoded to RGB by two processes
    /usr/bin/python3 files.py predict FILE       # one image through a ResNet18, from a cold start
"""
import csv
import json
import sys
import time

what, path = sys.argv[1:3]


def decode(file):
    from PIL import Image

    return len(Image.open(file).convert("RGB").tobytes())


if what == "list":
    from torchvision.datasets import ImageFolder

    started = time.perf_counter()
    images = len(ImageFolder(path))
    print(json.dumps({"seconds": time.perf_counter() - started, "images": images}))
elif what == "decode":
    from multiprocessing import Pool

    with open(path) as table:
        files = [row["file_name"] for row in csv.DictReader(table)]
    with Pool(2) as pool:
        pool.map(decode, files[:100])
        started = time.perf_counter()
        pool.map(decode, files, chunksize=25)
        print(json.dumps({"imagesPerSecond": len(files) / (time.perf_counter() - started)}))
else:
    import torch
    import torchvision
    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    model = torchvision.models.resnet18(weights=None).eval()
    with torch.inference_mode():
        image = to_tensor(Image.open(path).convert("RGB").resize((224, 224)))[None]
        value = model(image)
        times = []
        for _ in range(20):
            started = time.perf_counter()
            model(to_tensor(Image.open(path).convert("RGB").resize((224, 224)))[None])
            times.append(time.perf_counter() - started)
    print(json.dumps({"warmMs": 1000 * sorted(times)[10]}))
