#!/usr/bin/env python3
"""The job as a careful user of PyTorch does it: features of a frozen network computed once, in eval mode and without gradients, by two
loader processes; then a linear head, Adam, five epochs over the features in memory; 1,000 images evaluated.

    /usr/bin/python3 careful.py TRAIN.csv TEST.csv ARCH GOLDEN_DIR     # tables of file_name,age; GOLDEN_DIR has make_golden.py
"""
import csv
import json
import sys
import time

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

train, test, arch, golden = sys.argv[1:5]
sys.path.insert(0, golden)
import make_golden

torch.manual_seed(0)


class Faces(Dataset):
    def __init__(self, path):
        with open(path) as table:
            self.rows = [(row["file_name"], float(row["age"])) for row in csv.DictReader(table)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        file, age = self.rows[i]
        return to_tensor(Image.open(file).convert("RGB")), age


model = make_golden.build(arch).eval()
head = model.fc
model.fc = torch.nn.Identity()


def extract(path):
    features, ages = [], []
    with torch.inference_mode():
        for images, labels in DataLoader(Faces(path), batch_size=25, num_workers=2):
            features.append(model(images))
            ages.append(labels.float())
    return torch.cat(features).clone(), torch.cat(ages).clone()


started = time.perf_counter()
x, y = extract(train)
adam = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(5):
    for rows in torch.randperm(len(x)).split(25):
        adam.zero_grad()
        torch.nn.functional.mse_loss(head(x[rows]).flatten(), y[rows]).backward()
        adam.step()
trained = time.perf_counter()
x, y = extract(test)
with torch.no_grad():
    errors = head(x).flatten() - y
print(
    json.dumps(
        {
            "train_s": trained - started,
            "evaluate_s": time.perf_counter() - trained,
            "rmse": errors.square().mean().sqrt().item(),
        }
    )
)
