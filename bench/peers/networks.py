"""torchvision's ResNets with the weights of src/backbones/formula.ts and networks of timm, for the peer programs. By itself it prints the versions."""
import json
import os
import resource
import time

import numpy as np
import torch

# PyPI's torchvision is built for CUDA. Beside a CPU build of torch its operators cannot be loaded, and its import fails unless
# these two are defined. ResNets use neither.
try:
    import torchvision
except RuntimeError:
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision


def seconds():
    """The clock of EYEBALL_BENCH_CLOCK: "cpu" is the processor time of this process and of the ended ones that it started."""
    if os.environ.get("EYEBALL_BENCH_CLOCK") != "cpu":
        return time.perf_counter()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


RESNETS = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
LAYOUTS = {"eager": torch.contiguous_format, "channels_last": torch.channels_last}


def uniform(name, count):
    """`count` numbers in [-1, 1): a hash of FNV-1a(name) + i * 0x9E3779B9 in 32 bits, its upper 24 bits as a fraction."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97)
        x ^= x >> np.uint32(15)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def build(arch, layout="eager"):
    """A ResNet with one output and the weights of the formula, in train mode."""
    model = getattr(torchvision.models, arch)(weights=None)
    model.fc = torch.nn.Linear(model.fc.in_features, 1)
    last = ("bn2" if arch in ("resnet18", "resnet34") else "bn3") + ".weight"
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            u = uniform(name, tensor.numel())
            if tensor.dim() == 4:
                value = u * (6 / tensor[0].numel()) ** 0.5
            elif name.startswith("fc."):
                value = u * tensor.shape[-1] ** -0.5 if name == "fc.weight" else 40 + 0 * u
            elif name.endswith("running_var"):
                value = 1 + 0.5 * abs(u)
            elif name.endswith(".weight"):
                value = (1 + 0.1 * u) * (0.25 if name.endswith(last) else 1)
            else:
                value = 0.1 * u
            tensor.copy_(torch.from_numpy(value.astype(np.float32)).reshape(tensor.shape))
    return model.to(memory_format=LAYOUTS[layout])


def build_timm(arch, size, layout, outputs=0):
    """A network of timm with this number of outputs, 0 for its features, with its own random weights, in eval mode."""
    import timm

    sized = {"img_size": size} if arch.startswith("vit_") else {}
    model = timm.create_model(arch, pretrained=False, num_classes=outputs, **sized)
    return model.eval().to(memory_format=LAYOUTS[layout])


if __name__ == "__main__":
    print(json.dumps({"versions": f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}"}))
