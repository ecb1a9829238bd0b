import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ResnetEntry, resnets } from '../src/backbones/registry.js';
import type { ResnetPlan } from '../src/backbones/resnet.js';
import { expectNumbersClose } from './close.js';

/** A tensor as the golden files keep it. */
export interface Summary {
  readonly shape: readonly number[];
  readonly first: readonly number[];
  readonly sum: number;
  readonly l2: number;
}

/** The whole network at once: the loss, and its gradient by parameter. */
export interface GoldenGradients {
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Summary>>;
  /** Of three steps of Adam at 1e-4, each before its step, and some parameters after them. */
  readonly 'adam_1e-4_losses': readonly number[];
  readonly after_3_steps: Readonly<Record<string, Summary>>;
}

/** What PyTorch computes from the formula's weights; the script that made the files is described in CONTRIBUTING.md. */
export interface Golden {
  readonly parameters: number;
  readonly target: readonly number[];
  readonly forward: Record<'layer1' | 'layer2' | 'layer3' | 'layer4' | 'avgpool', Summary> & {
    readonly prediction: readonly number[];
  };
  readonly head_adam: {
    readonly losses: readonly number[];
    readonly 'fc.weight': Summary;
    readonly 'fc.bias': Summary;
  };
  /** Batch norm by its running statistics. */
  readonly frozen_bn: GoldenGradients;
  /** Batch norm by the statistics of the batch. */
  readonly batch_bn: GoldenGradients;
}

/** The networks that golden files exist for. */
export const goldenNames = ['resnet18', 'resnet50'] as const;

export function readGolden(name: (typeof goldenNames)[number]): { golden: Golden; plan: ResnetPlan } {
  const entry: ResnetEntry = resnets[name];
  return { golden: JSON.parse(readFileSync(`test/golden/${name}.json`, 'utf8')), plan: entry.plan };
}

/** Compares numbers with a summary, to `tolerance` of the tensor's scale (its root mean square). */
export function expectSummary(data: Float32Array, expected: Summary, tolerance: number): void {
  const count = data.length;
  const elements = expected.shape.reduce((a, b) => a * b, 1);
  assert.equal(count, elements, 'number of elements');
  const scale = expected.l2 / Math.sqrt(count);
  const exact = { rtol: 0, atol: tolerance * scale };
  expectNumbersClose(data.subarray(0, expected.first.length), expected.first, exact);
  const sum = data.reduce((a, b) => a + b, 0);
  const l2 = Math.sqrt(data.reduce((a, b) => a + b * b, 0));
  expectNumbersClose([sum / count, l2 / Math.sqrt(count)], [expected.sum / count, scale], exact);
}
