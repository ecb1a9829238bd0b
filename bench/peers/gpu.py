"""Images a second of torchvision's ResNet or a network of timm on a GPU by CUDA: fp32 in both memory layouts, and bf16.

    gpu.py features|training ARCH SIZE IMAGES_A_BATCH SECONDS

Training is a step of Adam on all layers, with one output and the mean squared error. It ends with 2 where there is no such GPU.
"""
import json
import sys
import time

import torch
from networks import LAYOUTS, RESNETS, build, build_timm

what, arch = sys.argv[1:3]
size, count, seconds = map(int, sys.argv[3:6])
if not torch.cuda.is_available():
    print("PyTorch has no GPU by CUDA here", file=sys.stderr)
    sys.exit(2)
# As eyeball computes: fp32 without rounding products to TF32.
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.benchmark = True


def rate(layout, dtype):
    training = what == "training"
    model = build(arch, layout) if arch in RESNETS else build_timm(arch, size, layout, outputs=int(training))
    model = model.cuda().train(training)
    images = torch.rand(count, 3, size, size, device="cuda").to(memory_format=LAYOUTS[layout])
    targets = torch.rand(count, 1, device="cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4) if training else None

    def batch():
        with torch.autocast("cuda", torch.bfloat16, enabled=dtype == "bf16"):
            if not training:
                with torch.inference_mode():
                    model(images)
                return
            loss = torch.nn.functional.mse_loss(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(3):
        batch()
    torch.cuda.synchronize()
    started = time.perf_counter()
    batches = 0
    while time.perf_counter() - started < seconds:
        for _ in range(5):
            batch()
        torch.cuda.synchronize()
        batches += 5
    return count * batches / (time.perf_counter() - started)


rates = {layout: rate(layout, "fp32") for layout in LAYOUTS}
rates["bf16"] = rate("channels_last", "bf16")
print(json.dumps(rates))
