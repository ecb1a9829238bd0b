import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shortNames } from '../../src/backbones/architectures.js';
import { listBackbones } from '../../src/verbs/list-backbones.js';

describe('listBackbones', () => {
  it('lists the ResNets and the short names with size, license and speed', () => {
    const listed = listBackbones();
    assert.deepEqual(
      listed.map(({ name }) => name),
      ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152', ...Object.keys(shortNames)],
    );
    const named = (name: string) => listed.find(backbone => backbone.name === name);
    // The multiplications that the papers name: 1.8 billion for ResNet18, 4.5 for ConvNeXt-T, 4.6 for ViT-S/16, 0.39 for EfficientNet-B0.
    assert.deepEqual(named('resnet18'), {
      name: 'resnet18',
      family: 'ResNet',
      weights: 'timm/resnet18.tv_in1k',
      license: 'BSD-3-Clause',
      parametersM: 11.2,
      sizeMb: 44.7,
      sizePx: 224,
      features: 512,
      multiplicationsG: 1.81,
      speed: 'medium',
    });
    const { license, multiplicationsG } = named('convnext-tiny')!;
    assert.deepEqual([license, multiplicationsG], ['apache-2.0', 4.45]);
    assert.deepEqual([named('vit-small')?.multiplicationsG, named('efficientnet-b0')?.multiplicationsG], [4.6, 0.38]);
    assert.equal(named('efficientnet-b0')?.speed, 'fast');
    assert.equal(named('dinov2-large')?.speed, 'very slow');
  });

  it('lists every architecture', () => {
    const names = listBackbones({ all: true }).map(({ name }) => name);
    assert.ok(names.includes('timm/vit_large_patch14_clip_224'));
    assert.ok(names.length > 60);
    assert.equal(new Set(names).size, names.length);
  });
});
