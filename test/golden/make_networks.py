#!/usr/bin/env python3
"""Writes <case>.json: what timm computes with weights from the formula of src/backbones/formula.ts.

    make_networks.py [CASE...]        # PyTorch 2.13, timm 1.0.29

Each case is a small member of a family: its features and the mean of each stage over space for 2 images, the mean squared error of
a linear layer on the features (frozen batch norms), the gradients of some parameters, and their values after three steps of AdamW.
A tensor is kept as shape, first values, sum and L2 norm. Stages of transformers are those of the patch tokens.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

try:
    import torchvision
except RuntimeError:  # built for CUDA, beside a CPU build of torch
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm

torch.set_num_threads(2)

STAGES = [f"stages.{i}" for i in range(4)]
SMALL = {"embed_dim": 64, "depth": 4, "num_heads": 2}
# architecture, arguments, image size, modules whose outputs are the stages, parameters
CASES = {
    "vit": ("vit_tiny_patch16_224", {**SMALL, "img_size": 48}, 48, [f"blocks.{i}" for i in range(4)], [
        "cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.norm1.weight", "blocks.0.attn.qkv.weight",
        "blocks.1.attn.proj.bias", "blocks.2.mlp.fc1.weight", "blocks.3.mlp.fc2.bias", "norm.bias"]),
    "dinov2": ("vit_small_patch14_reg4_dinov2", {**SMALL, "img_size": 42}, 42, [f"blocks.{i}" for i in range(4)], [
        "cls_token", "reg_token", "pos_embed", "patch_embed.proj.bias", "blocks.0.ls1.gamma", "blocks.3.attn.qkv.weight"]),
    "clip": ("vit_base_patch32_clip_quickgelu_224", {**SMALL, "img_size": 64}, 64, [f"blocks.{i}" for i in range(4)], [
        "cls_token", "pos_embed", "patch_embed.proj.weight", "norm_pre.weight", "blocks.2.mlp.fc1.bias", "norm.weight"]),
    "siglip": ("vit_base_patch16_siglip_224", {**SMALL, "img_size": 48}, 48, [f"blocks.{i}" for i in range(4)], [
        "pos_embed", "blocks.0.attn.qkv.bias", "attn_pool.latent", "attn_pool.q.weight", "attn_pool.kv.weight",
        "attn_pool.kv.bias", "attn_pool.mlp.fc1.weight", "attn_pool.norm.weight"]),
    "convnext": ("convnext_tiny", {"depths": (1, 1, 2, 1), "dims": (16, 24, 32, 48)}, 64, STAGES, [
        "stem.0.weight", "stem.1.bias", "stages.0.blocks.0.conv_dw.weight", "stages.0.blocks.0.gamma",
        "stages.1.downsample.0.weight", "stages.1.downsample.1.weight", "stages.2.blocks.1.norm.bias",
        "stages.3.blocks.0.mlp.fc1.weight", "head.norm.weight"]),
    "convnextv2": ("convnextv2_atto", {"depths": (1, 1, 2, 1), "dims": (16, 24, 32, 48)}, 64, STAGES, [
        "stem.0.bias", "stages.0.blocks.0.mlp.grn.weight", "stages.2.blocks.0.mlp.grn.bias",
        "stages.3.blocks.0.mlp.fc1.weight", "stages.3.blocks.0.mlp.fc2.bias", "stages.1.blocks.0.conv_dw.bias"]),
    "resnext": ("resnext50_32x4d", {"layers": (1, 1, 1, 1)}, 64, [f"layer{i}" for i in range(1, 5)], [
        "conv1.weight", "layer1.0.conv2.weight", "layer2.0.bn1.weight", "layer4.0.downsample.0.weight", "layer4.0.bn3.bias"]),
    "wide_resnet": ("wide_resnet50_2", {"layers": (1, 1, 1, 1)}, 64, [f"layer{i}" for i in range(1, 5)], [
        "bn1.bias", "layer1.0.conv2.weight", "layer3.0.conv1.weight", "layer4.0.bn3.weight"]),
    "efficientnet": ("efficientnet_b0", {}, 64, [f"blocks.{i}" for i in range(7)], [
        "conv_stem.weight", "blocks.0.0.se.conv_reduce.weight", "blocks.1.0.conv_dw.weight", "blocks.2.1.bn2.bias",
        "blocks.3.1.se.conv_expand.bias", "blocks.6.0.conv_pwl.weight", "bn2.weight"]),
    "efficientnetv2": ("tf_efficientnetv2_b0", {}, 66, [f"blocks.{i}" for i in range(6)], [
        "conv_stem.weight", "blocks.0.0.conv.weight", "blocks.1.0.conv_exp.weight", "blocks.2.1.bn2.bias",
        "blocks.3.0.conv_dw.weight", "blocks.5.7.se.conv_reduce.bias", "conv_head.weight"]),
    "mobilenetv3": ("mobilenetv3_large_100", {}, 64, [f"blocks.{i}" for i in range(7)], [
        "conv_stem.weight", "blocks.0.0.conv_pw.weight", "blocks.2.0.se.conv_reduce.weight", "blocks.4.1.conv_dw.weight",
        "blocks.6.0.bn1.weight", "conv_head.bias"]),
    "mobilenetv4": ("mobilenetv4_conv_medium", {}, 64, [f"blocks.{i}" for i in range(5)], [
        "conv_stem.weight", "blocks.0.0.conv_exp.weight", "blocks.1.0.dw_start.conv.weight", "blocks.2.4.dw_start.bn.bias",
        "blocks.3.0.dw_mid.conv.weight", "blocks.3.9.pw_proj.bn.weight", "norm_head.bias"]),
}


def uniform(name, count):
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.uint32(seed) + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x21F0AAAD)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x735A2D97)
        x ^= x >> np.uint32(15)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def fill(module):
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            u = uniform(name, tensor.numel())
            if tensor.dim() == 4:
                value = u * math.sqrt(6 / tensor[0].numel())
            elif tensor.dim() == 2:
                value = u * math.sqrt(3 / tensor.shape[1])
            elif name.endswith("running_var"):
                value = 1 + 0.5 * abs(u)
            elif name.endswith("gamma"):
                value = 0.25 + 0.025 * u
            elif name.endswith(".weight"):
                value = 1 + 0.1 * u
            else:
                value = 0.1 * u
            tensor.copy_(torch.from_numpy(value.astype(np.float32)).reshape(tensor.shape))


def summary(tensor):
    t = tensor.detach().double().flatten()
    return {"shape": list(tensor.shape), "first": [float(f"{v:.8g}") for v in t[:4]],
            "sum": float(f"{t.sum():.10g}"), "l2": float(f"{t.norm():.10g}")}


def build(arch, arguments):
    model = timm.create_model(arch, pretrained=False, num_classes=0, **arguments)
    fill(model)
    return model.eval()


def head(width):
    fc = torch.nn.Linear(width, 1)
    with torch.no_grad():
        fc.weight.copy_(torch.from_numpy((uniform("fc.weight", width) * width**-0.5).astype(np.float32)).reshape(1, -1))
        fc.bias.fill_(40)
    return fc


def golden(arch, arguments, size, modules, names):
    x = torch.from_numpy(uniform("input", 2 * 3 * size * size).astype(np.float32)).reshape(2, 3, size, size)
    target = torch.from_numpy((40 + 20 * uniform("target", 2)).astype(np.float32)).reshape(2, 1)
    mse = torch.nn.MSELoss()
    model = build(arch, arguments)
    prefix = getattr(model, "num_prefix_tokens", 0)
    stages = []
    for module in modules:
        model.get_submodule(module).register_forward_hook(
            lambda _m, _i, y: stages.append(y[:, prefix:].mean(1) if y.dim() == 3 else y.mean((2, 3))))
    with torch.no_grad():
        features = model(x)
    out = {"architecture": arch, "torch": torch.__version__, "timm": timm.__version__, "sizePx": size,
           "parameters": sum(p.numel() for p in model.parameters()), "target": [float(v) for v in target.flatten()],
           "features": summary(features), "stages": [summary(stage) for stage in stages]}

    model, fc = build(arch, arguments), head(features.shape[1])
    parameters = dict(model.named_parameters())
    loss = mse(fc(model(x)), target)
    loss.backward()
    out["loss"] = loss.item()
    out["gradients"] = {name: summary(parameters[name].grad) for name in names}

    model, fc = build(arch, arguments), head(features.shape[1])
    adamw = torch.optim.AdamW([*model.parameters(), *fc.parameters()], lr=1e-4, weight_decay=0.05)
    losses = []
    for _ in range(3):
        adamw.zero_grad()
        loss = mse(fc(model(x)), target)
        loss.backward()
        adamw.step()
        losses.append(loss.item())
    parameters = dict(model.named_parameters())
    out["adamw"] = {"losses": losses, "after": {name: summary(parameters[name]) for name in names}}
    return out


if __name__ == "__main__":
    for case in sys.argv[1:] or CASES:
        (Path(__file__).parent / f"{case}.json").write_text(json.dumps(golden(*CASES[case])) + "\n")
        print(case)
