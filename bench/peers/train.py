#!/usr/bin/env python3
"""Adam steps of torchvision's ResNet with one output, mean squared error, on one batch in memory.

    /usr/bin/python3 train.py ARCH TUNE BN BATCH SIZE THREADS

TUNE all trains everything; last trains layer4 and the linear layer, and runs the rest forward under no_grad. BN batch is train mode,
frozen is eval mode; what is not trained is in eval mode. Each line of stdin is a number of steps; the answer is their seconds.
Weights are those of src/backbones/formula.ts in kind: with PyTorch's own, activations grow until the gradients are denormal numbers.
"""
import sys
import time

import torch
import torchvision

arch, tune, bn = sys.argv[1:4]
batch, size, threads = map(int, sys.argv[4:7])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = getattr(torchvision.models, arch)(weights=None)
model.fc = torch.nn.Linear(model.fc.in_features, 1)
last = ("bn2" if arch in ("resnet18", "resnet34") else "bn3") + ".weight"
with torch.no_grad():
    for name, tensor in model.named_parameters():
        if tensor.dim() == 4:
            bound = (6 / tensor[0].numel()) ** 0.5
            tensor.uniform_(-bound, bound)
        elif name.endswith(last):
            tensor.fill_(0.25)
    model.fc.bias.fill_(40)

model.train(bn == "batch")
stages = [model.layer1, model.layer2, model.layer3, model.layer4]
frozen = []
if tune == "last":
    frozen = [model.conv1, model.bn1, model.relu, model.maxpool, *stages[:3]]
    for module in frozen:
        module.eval().requires_grad_(False)
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.Adam(trained, lr=1e-4)
images = torch.rand(batch, 3, size, size) * 2 - 1
targets = 40 + 20 * (torch.rand(batch, 1) * 2 - 1)


def forward(x):
    if tune == "all":
        return model(x)
    with torch.no_grad():
        for module in frozen:
            x = module(x)
    return model.fc(torch.flatten(model.avgpool(model.layer4(x)), 1))


def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(forward(images), targets)
    loss.backward()
    optimizer.step()
    return float(loss)


for line in sys.stdin:
    started = time.perf_counter()
    for _ in range(int(line)):
        step()
    print(time.perf_counter() - started, flush=True)
