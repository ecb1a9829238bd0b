#!/usr/bin/env python3
"""Writes vit_tiny_curve.json: the losses of 50 steps of fine-tuning timm's ViT-Tiny from the formula's weights, at 64 px.

    make_curve.py                          # drawn disks, whose label is the radius
    make_curve.py PIXELS LABELS OUT.json   # other images: uint8 [N, 64, 64, 3] and float64 [N], 40 a step, in their order

PyTorch 2.13, timm 1.0.29. AdamW, a one-cycle learning rate that falls from block to block, decay of parameters of two axes or more.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from make_networks import build, timm, uniform

SIZE, IMAGES, BATCH, STEPS = 64, 200, 20, 50
RATE, RATE_DECAY, WEIGHT_DECAY = 1e-3, 0.8, 0.01
DEPTH = 12
# Squares of small gradients are denormal, and computing with them is slow.
torch.set_flush_denormal(True)


def disk(i):
    """Image i as uint8 [S, S, 3]: a disk on a background, with noise; its label is the radius."""
    u = uniform(f"disk {i}", 9)
    noise = 20 * uniform(f"noise {i}", SIZE * SIZE * 3).reshape(SIZE, SIZE, 3)
    radius = 14 + 8 * u[0]
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    inside = (columns - (32 + 8 * u[1])) ** 2 + (rows - (32 + 8 * u[2])) ** 2 < radius**2
    color = np.where(inside[:, :, None], 180 + 60 * u[3:6], 80 + 40 * u[6:9])
    return np.clip(np.floor(color + noise), 0, 255).astype(np.uint8), radius


def rate_scale(name):
    """Factor of the learning rate: a stage has three blocks, and the embedding is below them."""
    if name.startswith(("cls_token", "pos_embed", "patch_embed")):
        return RATE_DECAY ** (1 + DEPTH / 3)
    if name.startswith("blocks."):
        return RATE_DECAY ** (1 + (DEPTH - 1 - int(name.split(".")[1])) / 3)
    return RATE_DECAY


def curve(pixels, labels, batch):
    model = build("vit_tiny_patch16_224", {"img_size": SIZE}).train()
    width = model.num_features
    head = torch.nn.Linear(width, 1)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy((uniform("fc.weight", width) * width**-0.5).astype(np.float32)).reshape(1, -1))
        head.bias.zero_()
    named = [(p, rate_scale(name)) for name, p in model.named_parameters()] + [(p, 1) for p in head.parameters()]
    groups = [{"params": [p], "lr": RATE * scale, "weight_decay": WEIGHT_DECAY if p.dim() > 1 else 0} for p, scale in named]
    adamw = torch.optim.AdamW(groups)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        adamw, [group["lr"] for group in groups], total_steps=STEPS, cycle_momentum=False)
    x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    target = torch.from_numpy((labels - labels.mean()) / labels.std()).float()
    losses = []
    for step in range(STEPS):
        at = torch.arange(step * batch, (step + 1) * batch) % len(labels)
        loss = torch.nn.functional.mse_loss(head(model(x[at])).flatten(), target[at])
        adamw.zero_grad()
        loss.backward()
        adamw.step()
        cycle.step()
        losses.append(float(f"{loss.item():.6g}"))
    return {"torch": torch.__version__, "timm": timm.__version__, "sizePx": SIZE, "batch": batch, "learningRate": RATE,
            "rateDecay": RATE_DECAY, "weightDecay": WEIGHT_DECAY, "mean": labels.mean(), "std": labels.std(), "losses": losses}


if __name__ == "__main__":
    if len(sys.argv) == 4:
        pixels, labels, out = np.fromfile(sys.argv[1], np.uint8).reshape(-1, SIZE, SIZE, 3), np.fromfile(sys.argv[2]), sys.argv[3]
        result = curve(pixels, labels, 40)
    else:
        pixels, labels = (np.stack(each) for each in zip(*(disk(i) for i in range(IMAGES))))
        out = Path(__file__).parent / "vit_tiny_curve.json"
        result = {"images": IMAGES, **curve(pixels, labels, BATCH)}
    Path(out).write_text(json.dumps(result) + "\n")
