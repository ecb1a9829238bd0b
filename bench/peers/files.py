"""What torchvision and PIL do with files.

    files.py list FOLDER      seconds in which ImageFolder lists a folder per class
    files.py decode TABLE     images a second, decoded to RGB by two processes
    files.py predict FILE     one image with a ResNet18: the median of 20 runs, in the faster memory layout
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
    import networks  # noqa: F401  It makes torchvision importable.
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
    from networks import LAYOUTS, build
    from PIL import Image
    from torchvision.transforms.functional import to_tensor

    def median_ms(model):
        times = []
        for _ in range(21):
            started = time.perf_counter()
            model(to_tensor(Image.open(path).convert("RGB").resize((224, 224)))[None])
            times.append(time.perf_counter() - started)
        return 1000 * sorted(times[1:])[10]

    with torch.inference_mode():
        print(json.dumps({"warmMs": min(median_ms(build("resnet18", layout).eval()) for layout in LAYOUTS)}))
