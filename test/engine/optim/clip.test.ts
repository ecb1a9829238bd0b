import { describe, it } from 'node:test';
import { Graph } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { clipByGlobalNorm } from '../../../src/engine/optim/clip.js';
import { createSession } from '../../../src/engine/runtime/session.js';
import { expectAllClose } from '../../close.js';
import { float } from '../../run-graph.js';

// From PyTorch 1.13: clip_grad_norm_ on two parameters with these gradients.
const first = float([2, 3], [1, -2, 3, 0.5, 0, -1]);
const second = float([], [2.5]);
const NORM = 4.636809349060059;

async function clipped(maxNorm: number) {
  const graph = new Graph();
  const inputs = [graph.input('first', 'float32', [2, 3]), graph.input('second', 'float32', [])];
  const { gradients, norm } = clipByGlobalNorm(inputs, maxNorm);
  graph.output('norm', norm);
  gradients.forEach((gradient, i) => {
    graph.output(`clipped_${i}`, gradient);
  });
  const session = await createSession(toOnnx(graph), { threads: 1 });
  const out = await session.run({ first, second });
  await session.close();
  return [out.norm!, out.clipped_0!, out.clipped_1!] as const;
}

describe('clipByGlobalNorm', () => {
  it('scales all gradients by one factor if their total norm is too large', async () => {
    const [norm, one, two] = await clipped(1);
    expectAllClose(norm, float([], [NORM]), { rtol: 1e-6, atol: 0 });
    const scaled = [0.21566550433635712, -0.43133100867271423, 0.6469964981079102, 0.10783275216817856, 0];
    expectAllClose(one, float([2, 3], [...scaled, -0.21566550433635712]), { rtol: 1e-6, atol: 0 });
    expectAllClose(two, float([], [0.5391637682914734]), { rtol: 1e-6, atol: 0 });
  });

  it('leaves gradients within the norm exactly as they are', async () => {
    const [norm, one, two] = await clipped(10);
    expectAllClose(norm, float([], [NORM]), { rtol: 1e-6, atol: 0 });
    expectAllClose(one, first, { rtol: 0, atol: 0 });
    expectAllClose(two, second, { rtol: 0, atol: 0 });
  });

  it('adds 1e-6 to the norm, which matters where it is as small as that', async () => {
    const graph = new Graph();
    const { gradients } = clipByGlobalNorm([graph.input('x', 'float32', [2])], 1e-6);
    graph.output('clipped', gradients[0]!);
    const session = await createSession(toOnnx(graph), { threads: 1 });
    const run = async (x: number[]) => (await session.run({ x: float([2], x) })).clipped!;
    expectAllClose(await run([0, 1e-6]), float([2], [0, 5e-7]), { rtol: 1e-6, atol: 0 });
    expectAllClose(await run([0, 0]), float([2], [0, 0]), { rtol: 0, atol: 0 });
    await session.close();
  });
});
