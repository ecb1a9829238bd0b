import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { usableCores } from '../../../src/base/environment.js';
import { add, identity, matMul, mul, relu, sub } from '../../../src/engine/graph/build.js';
import { Graph } from '../../../src/engine/graph/graph.js';
import { toOnnx } from '../../../src/engine/graph/to-onnx.js';
import { copiesFor, createSession, createState } from '../../../src/engine/runtime/session.js';
import { arrayTypes, type DType, type Tensor } from '../../../src/engine/tensor.js';
import { tempFolder } from '../../datasets/temp.js';
import { float } from '../../run-graph.js';

/** sum = a + b and product = a * b, of `[N]`. */
function sumAndProduct(): Uint8Array {
  const graph = new Graph();
  const [a, b] = [graph.input('a', 'float32', ['N']), graph.input('b', 'float32', ['N'])];
  graph.output('sum', add(a, b));
  graph.output('product', mul(a, b));
  return toOnnx(graph);
}
/** product = x to the power of 11, of `[N, N]`: long for a large N. */
function power(): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['N', 'N']);
  let product = x;
  for (let i = 0; i < 10; i++) product = matMul(product, x);
  graph.output('product', product);
  return toOnnx(graph);
}
const feeds = () => ({ a: float([2], [1, 2]), b: float([2], [3, 4]) });

/** What a Node process with this script, which may use `engine('graph/graph.js')` and the like, prints and exits with. */
async function runScript(t: TestContext, script: string): Promise<{ code: number | null; out: string }> {
  const root = new URL('../../../src/engine/', import.meta.url).href;
  const prelude = `const engine = path => import('${root}' + path);
    const { Graph } = await engine('graph/graph.js');
    const { toOnnx } = await engine('graph/to-onnx.js');
    const { createSession } = await engine('runtime/session.js');
    const graph = new Graph();
    graph.output('y', graph.input('x', 'float32', ['N']));
    const model = toOnnx(graph);
    const x = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };`;
  const path = join(tempFolder(t), 'script.mjs');
  writeFileSync(path, prelude + script);
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  // Far beyond what a process needs that ends by itself.
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000);
  let out = '';
  child.stdout.on('data', text => (out += text));
  const code = await new Promise<number | null>(resolve => child.on('close', resolve));
  clearTimeout(limit);
  return { code, out };
}

describe('createSession', () => {
  it('computes all outputs, or the requested ones', async () => {
    const session = await createSession(sumAndProduct());
    const { a, b } = feeds();
    assert.deepEqual(await session.run({ a, b }), { sum: float([2], [4, 6]), product: float([2], [3, 8]) });
    assert.deepEqual(await session.run({ a, b }, { outputs: ['product'] }), { product: float([2], [3, 8]) });
    await session.close();
  });

  it('loads a file by its path', async t => {
    const path = join(tempFolder(t), 'm.onnx');
    writeFileSync(path, sumAndProduct());
    const session = await createSession(path);
    assert.deepEqual((await session.run(feeds())).sum, float([2], [4, 6]));
    await session.close();
  });

  it('supports every element type of the runtime', async () => {
    const types = [
      'float64',
      'float32',
      'int64',
      'int32',
      'int16',
      'int8',
      'uint64',
      'uint32',
      'uint16',
      'uint8',
      'bool',
    ] as const;
    const graph = new Graph();
    const given: Record<string, Tensor> = {};
    for (const dtype of types satisfies readonly DType[]) {
      const data = new arrayTypes[dtype](2);
      data[1] = (dtype.endsWith('64') && dtype !== 'float64' ? 1n : 1) as never;
      given[dtype] = { dtype, shape: [2, 1], data } as Tensor;
      graph.output(`${dtype} out`, identity(graph.input(dtype, dtype, ['N', 1])));
    }
    const session = await createSession(toOnnx(graph));
    const out = await session.run(given);
    for (const dtype of types) assert.deepEqual(out[`${dtype} out`], given[dtype]);
    await session.close();
  });

  it('keeps feeds, and empties them if they are transferred', async () => {
    const session = await createSession(sumAndProduct());
    const kept = feeds();
    await session.run(kept);
    assert.deepEqual(kept, feeds());
    assert.deepEqual((await session.run(kept, { handOver: true })).sum, float([2], [4, 6]));
    assert.deepEqual([kept.a.data.length, kept.b.data.length], [0, 0]);
    await assert.rejects(session.run(kept, { handOver: true }), {
      message: 'internal: 0 elements fed to a for shape [2]',
    });
    const a = float([2], [1, 2]);
    await assert.rejects(session.run({ a, b: a }, { handOver: true }), { name: 'DataCloneError' });
    assert.deepEqual((await session.run(feeds())).sum, float([2], [4, 6]), 'and goes on afterwards');
    await session.close();
  });

  it('returns the own result of each concurrent run', async () => {
    const session = await createSession(sumAndProduct());
    const runs = Array.from({ length: 10 }, (_, i) => session.run({ a: float([1], [i]), b: float([1], [100]) }));
    const sums = (await Promise.all(runs)).map(({ sum }) => sum!.data[0]);
    assert.deepEqual(
      sums,
      Array.from({ length: 10 }, (_, i) => 100 + i),
    );
    await session.close();
  });

  it('keeps sessions separate', async () => {
    const graph = new Graph();
    graph.output('sum', mul(graph.input('a', 'float32', ['N']), 10));
    const [first, second] = await Promise.all([createSession(sumAndProduct()), createSession(toOnnx(graph))]);
    await first.close();
    assert.deepEqual(await second.run({ a: float([1], [2]) }), { sum: float([1], [20]) });
    await second.close();
  });

  it('of a file has the checksum of the loaded bytes', async t => {
    const path = join(tempFolder(t), 'm.onnx');
    const bytes = sumAndProduct();
    writeFileSync(path, bytes);
    for (const options of [{}, { prepare: false, arena: false }]) {
      const session = await createSession(path, options);
      assert.equal(session.sha256, createHash('sha256').update(bytes).digest('hex'));
      const { a, b } = feeds();
      assert.equal((await session.run({ a, b })).sum!.data.length, 2);
      await session.close();
    }
  });

  it('states why a model cannot be loaded', async () => {
    await assert.rejects(createSession(Uint8Array.of(1, 2, 3)), /^Error: .*(protobuf|[Pp]arsing)/);
    await assert.rejects(createSession('/nowhere/m.onnx'), /^Error: ENOENT.*\/nowhere\/m\.onnx/);
  });

  it('states why a run fails, and can run again', async () => {
    const session = await createSession(sumAndProduct());
    const { a, b } = feeds();
    await assert.rejects(session.run({ a }), /^Error: .*'?b'?.*missing/);
    await assert.rejects(session.run({ a, b: float([3], [1, 2, 3]) }), /^Error: .*(broadcast|dimension|shape)/i);
    await assert.rejects(
      session.run({ a, b: { dtype: 'float64', shape: [2], data: Float64Array.of(1, 2) } }),
      /^Error: .*type/,
    );
    await assert.rejects(session.run({ a, b }, { outputs: ['sum', 'nothing'] }), {
      message: 'internal: no output called nothing',
    });
    assert.deepEqual((await session.run({ a, b })).sum, float([2], [4, 6]));
    await session.close();
  });

  it('completes pending runs before it closes, and refuses later ones', async () => {
    const session = await createSession(sumAndProduct());
    const underWay = session.run(feeds());
    const closing = session.close();
    assert.deepEqual((await underWay).sum, float([2], [4, 6]));
    await closing;
    await assert.rejects(session.run(feeds()), { message: 'expected a model that is loaded, got one that was closed' });
    await session.close();
  });

  it('counts the time inside the runtime', async () => {
    const session = await createSession(sumAndProduct());
    assert.equal(session.computeMs, 0);
    const started = performance.now();
    await session.run(feeds());
    const first = session.computeMs;
    await session.run(feeds());
    assert.ok(first > 0 && session.computeMs > first, `${first}, then ${session.computeMs}`);
    assert.ok(session.computeMs < performance.now() - started);
    await session.close();
  });

  it('computes as many runs at once as it has copies', async () => {
    const square = (n: number) => ({ x: float([n, n], new Float32Array(n * n)) });
    for (const copies of [1, 2]) {
      const session = await createSession(power(), { threads: 1, copies, handOver: true });
      const ended: string[] = [];
      const long = session.run(square(900)).then(() => ended.push('long'));
      const short = session.run(square(2)).then(() => ended.push('short'));
      await Promise.all([long, short]);
      assert.deepEqual(ended, copies === 1 ? ['long', 'short'] : ['short', 'long']);
      const closing = session.close();
      await assert.rejects(session.run(square(2)), {
        message: 'expected a model that is loaded, got one that was closed',
      });
      await closing;
    }
  });

  it('gives the same numbers from each copy, and the checksum of the file', async t => {
    const path = join(tempFolder(t), 'm.onnx');
    writeFileSync(path, sumAndProduct());
    const session = await createSession(path, { copies: 2 });
    const { a, b } = feeds();
    const results = await Promise.all(Array.from({ length: 6 }, () => session.run({ a, b })));
    for (const result of results) assert.deepEqual(result, { sum: float([2], [4, 6]), product: float([2], [3, 8]) });
    assert.equal(session.sha256, createHash('sha256').update(readFileSync(path)).digest('hex'));
    assert.ok(session.computeMs > 0);
    await session.close();
  });

  it('has a second copy from 100 images on, with two cores', () => {
    assert.deepEqual([0, 1, 99].map(copiesFor), [1, 1, 1]);
    const most = usableCores() > 1 ? 2 : 1;
    assert.deepEqual([100, 1e6, Number.POSITIVE_INFINITY].map(copiesFor), [most, most, most]);
  });

  it('refuses less than one copy, and fractions', async () => {
    for (const copies of [0, 1.5, -1])
      await assert.rejects(createSession(sumAndProduct(), { copies }), {
        message: `internal: ${copies} copies of a model`,
      });
  });

  it('states why copies cannot be loaded, and refuses a state for copies', async () => {
    await assert.rejects(createSession(Uint8Array.of(1, 2, 3), { copies: 2 }), /^Error: .*(protobuf|[Pp]arsing)/);
    const session = await createSession(sumAndProduct(), { copies: 2 });
    const state = await createState({ a: float([2], [1, 2]) });
    await assert.rejects(session.run({ b: float([2], [1, 2]) }, { state }), { message: /^internal: a state/ });
    assert.deepEqual((await session.run(feeds())).sum, float([2], [4, 6]));
    await Promise.all([state.close(), session.close()]);
  });

  it('leaves the event loop free while it computes', async () => {
    const session = await createSession(power(), { threads: 1 });
    const n = 900;
    const feed = { x: float([n, n], new Float32Array(n * n)) };
    let [turns, isDone] = [0, false];
    const turn = () => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    await session.run(feed, { handOver: true });
    isDone = true;
    await session.close();
    // A blocked loop would turn once or twice; a free one does so thousands of times.
    assert.ok(turns > 20, `${turns} turns`);
  });
});

describe('createState', () => {
  /** `next/w` = w - rate * x and `sum` = w + x, of `[2]`. */
  const stepper = () => {
    const graph = new Graph();
    const [w, x, rate] = [
      graph.input('w', 'float32', [2]),
      graph.input('x', 'float32', [2]),
      graph.input('rate', 'float32', []),
    ];
    graph.output('next/w', sub(w, mul(x, rate)));
    graph.output('sum', add(w, x));
    return createSession(toOnnx(graph), { threads: 1 });
  };
  const x = float([2], [1, 2]);
  const start = () => ({ w: float([2], [10, 20]), rate: float([], [0.5]) });

  it('provides its tensors as inputs, and replaces them by the next values', async () => {
    const session = await stepper();
    const given = start();
    const state = await createState(given);
    given.w.data[0] = 99;
    assert.deepEqual(await session.run({ x }, { state }), { sum: float([2], [11, 22]) });
    assert.deepEqual(await session.run({ x }, { state }), { sum: float([2], [10.5, 21]) });
    assert.deepEqual(await state.read(), { w: float([2], [9, 18]), rate: float([], [0.5]) });
    // Many more, so that both copies have been written over and over.
    for (let i = 0; i < 7; i++) await session.run({ x }, { state, outputs: [] });
    assert.deepEqual(await state.read(['w']), { w: float([2], [5.5, 11]) });
    await state.close();
    await session.close();
  });

  it('adds and removes a tensor without copying it', async () => {
    const session = await stepper();
    const state = await createState({ rate: float([], [0.5]) });
    const w = float([2], [10, 20]);
    await state.put('w', w);
    assert.equal(w.data.length, 0);
    await session.run({ x }, { state, outputs: [] });
    await assert.rejects(state.put('w', float([2], [0, 0])), /^Error: internal: the state has a w$/);
    assert.deepEqual(await state.take('w'), float([2], [9.5, 19]));
    await assert.rejects(state.take('w'), /^Error: internal: no state called w$/);
    await state.close();
    await session.close();
  });

  it('applies concurrent runs one after another', async () => {
    const session = await stepper();
    const state = await createState(start());
    const sums = await Promise.all(Array.from({ length: 4 }, () => session.run({ x }, { state })));
    assert.deepEqual(
      sums.map(({ sum }) => sum!.data[0]),
      [11, 10.5, 10, 9.5],
    );
    await state.close();
    await session.close();
  });

  it('is shared by sessions, and several can exist', async () => {
    const graph = new Graph();
    graph.output('product', mul(graph.input('w', 'float32', [2]), 10));
    const [training, validation] = [await stepper(), await createSession(toOnnx(graph), { threads: 1 })];
    const [state, other] = [await createState(start()), await createState(start())];
    await training.run({ x }, { state });
    assert.deepEqual(await validation.run({}, { state }), { product: float([2], [95, 190]) });
    assert.deepEqual(await validation.run({}, { state: other }), { product: float([2], [100, 200]) });
    assert.deepEqual((await state.read(['w'])).w, float([2], [9.5, 19]), 'what has no next stays');
    await Promise.all([state.close(), other.close(), training.close(), validation.close()]);
  });

  it('is written to between runs', async () => {
    const session = await stepper();
    const state = await createState(start());
    await session.run({ x }, { state });
    const rate = float([], [2]);
    await state.write({ rate, w: float([2], [0, 1]) });
    assert.deepEqual(rate, float([], [2]), 'a copy');
    assert.deepEqual(await session.run({ x }, { state }), { sum: float([2], [1, 3]) });
    assert.deepEqual(await state.read(), { w: float([2], [-2, -3]), rate });
    await state.close();
    await session.close();
  });

  it('returns copies of tensors that are read and of outputs', async () => {
    const session = await stepper();
    const state = await createState(start());
    const read = await state.read(['w']);
    (read.w!.data as Float32Array)[0] = 77;
    // Asked for by name, the next value comes along and stays too.
    const out = await session.run({ x }, { state, outputs: ['next/w'] });
    assert.deepEqual(out, { 'next/w': float([2], [9.5, 19]) });
    (out['next/w']!.data as Float32Array)[0] = 78;
    assert.deepEqual(await session.run({ x }, { state }), { sum: float([2], [10.5, 21]) });
    assert.deepEqual((await state.read(['w'])).w, float([2], [9, 18]));
    await state.close();
    await session.close();
  });

  it('returns outputs called next for runs without a state', async () => {
    const session = await stepper();
    const out = await session.run({ x, ...start() });
    assert.deepEqual(out, { 'next/w': float([2], [9.5, 19]), sum: float([2], [11, 22]) });
    await session.close();
  });

  it('is unchanged if a run fails', async () => {
    const session = await stepper();
    const state = await createState(start());
    await session.run({ x }, { state });
    await assert.rejects(session.run({}, { state }), /^Error: .*'?x'?.*missing/);
    await assert.rejects(session.run({ x: float([3], [1, 2, 3]) }, { state }), /^Error: .*(dimension|shape)/i);
    assert.deepEqual((await state.read(['w'])).w, float([2], [9.5, 19]));
    assert.deepEqual(await session.run({ x }, { state }), { sum: float([2], [10.5, 21]) });
    await state.close();
    await session.close();
  });

  it('names a missing tensor, and is not usable once it is closed', async () => {
    const session = await stepper();
    const state = await createState(start());
    await assert.rejects(state.read(['w', 'nothing']), { message: 'internal: no state called nothing' });
    await assert.rejects(state.write({ nothing: x }), { message: 'internal: no state called nothing' });
    await assert.rejects(state.write({ rate: float([], [7]), w: float([3], [1, 2, 3]) }), {
      message: 'internal: w is float32 [2], not float32 [3]',
    });
    await assert.rejects(state.write({ w: { dtype: 'float64', shape: [2], data: Float64Array.of(1, 2) } }), {
      message: 'internal: w is float32 [2], not float64 [2]',
    });
    assert.deepEqual(await state.read(), start());
    await state.close();
    const closed = { message: 'internal: the state is closed' };
    await assert.rejects(state.read(), closed);
    await assert.rejects(state.write({ w: x }), closed);
    await assert.rejects(session.run({ x }, { state }), closed);
    await assert.rejects(state.close(), closed);
    await session.close();
  });
});

describe('the device of a session', () => {
  it('is the one that computes, and one of another system is refused by name', async () => {
    const graph = new Graph();
    graph.output('y', relu(graph.input('x', 'float32', [1])));
    const session = await createSession(toOnnx(graph), { device: 'cpu' });
    const { y } = await session.run({ x: { dtype: 'float32', shape: [1], data: Float32Array.of(2) } });
    await session.close();
    assert.equal(y!.data[0], 2);
    const other = process.platform === 'win32' ? 'coreml' : 'dml';
    await assert.rejects(
      createSession(toOnnx(graph), { device: other }),
      new RegExp(`\\[${other}\\] backend not found`),
    );
  });
});

describe('a process with sessions', () => {
  it('ends by itself with idle sessions open', async t => {
    const script = `const session = await createSession(model);
      console.log(...(await session.run({ x })).y.data);`;
    assert.deepEqual(await runScript(t, script), { code: 0, out: '1 2\n' });
  });

  it('lives until a pending run has ended', async t => {
    const script = `const session = await createSession(model);
      session.run({ x }).then(({ y }) => console.log(...y.data));`;
    assert.deepEqual(await runScript(t, script), { code: 0, out: '1 2\n' });
  });

  it('ends by itself after refused models and feeds', async t => {
    const script = `const session = await createSession(model);
      const say = error => console.log(error.name);
      await createSession(new Uint8Array(3)).catch(say);
      await session.run({ x, y: x }, { handOver: true }).catch(say);`;
    assert.deepEqual(await runScript(t, script), { code: 0, out: 'Error\nDataCloneError\n' });
  });
});
