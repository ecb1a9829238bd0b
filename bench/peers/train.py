"""Adam steps of torchvision's ResNet or a network of timm with one output, mean squared error, on one batch in memory.

    train.py ARCH TUNE BN BATCH SIZE THREADS LAYOUT

TUNE "all" trains everything; "last" trains layer4 and the linear layer, and runs the rest forward in inference mode. BN "batch" is
train mode, "frozen" eval mode; what is not trained is in eval mode. Each line of stdin is a number of steps; the answer is their
seconds.
"""
import sys

import torch
from networks import LAYOUTS, RESNETS, build, build_timm, seconds

arch, tune, bn = sys.argv[1:4]
batch, size, threads = map(int, sys.argv[4:7])
layout = sys.argv[7]
torch.set_num_threads(threads)
torch.manual_seed(0)
model = (build(arch, layout) if arch in RESNETS else build_timm(arch, size, layout, outputs=1)).train(bn == "batch")
frozen = []
if tune == "last":
    frozen = [model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2, model.layer3]
    for module in frozen:
        module.eval().requires_grad_(False)
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
images = (torch.rand(batch, 3, size, size) * 2 - 1).to(memory_format=LAYOUTS[layout])
targets = 40 + 20 * (torch.rand(batch, 1) * 2 - 1)


def forward(x):
    if tune == "all":
        return model(x)
    with torch.inference_mode():
        for module in frozen:
            x = module(x)
    # Values of inference mode take no part in a backward pass; a copy does.
    return model.fc(torch.flatten(model.avgpool(model.layer4(x.clone())), 1))


def step():
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(forward(images), targets).backward()
    optimizer.step()


for line in sys.stdin:
    started = seconds()
    for _ in range(int(line)):
        step()
    print(seconds() - started, flush=True)
