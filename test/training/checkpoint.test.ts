import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readSafetensors, readSafetensorsMetadata, writeSafetensors } from '../../src/backbones/weights/safetensors.js';
import { processMark } from '../../src/base/process-mark.js';
import { createRandom } from '../../src/base/random.js';
import { loadCheckpoint, removeCheckpoint, saveCheckpoint } from '../../src/training/checkpoint.js';
import { failureOf, tempFolder } from '../datasets/temp.js';
import { sampleCheckpoint } from './checkpoints.js';

const script = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
const START_ANEW = 'remove it to train from the start';
const WAY_OUT = 'free disk space or allow writing there; an earlier checkpoint is unchanged';

describe('a checkpoint', () => {
  it('comes back as it was saved: order, types, parts of larger buffers, and the state', async t => {
    const path = join(tempFolder(t), 'deep', 'run.checkpoint');
    const tensors = new Map([
      ['z', { dtype: 'float32' as const, shape: [2], data: Float32Array.of(0, 1, 2, 3).subarray(1, 3) }],
      ['10', { dtype: 'float64' as const, shape: [1, 1], data: Float64Array.of(0.1) }],
      ['a', { dtype: 'uint8' as const, shape: [0], data: new Uint8Array() }],
    ]);
    const state = { epoch: 3, losses: [0.1, 1e-300, -0.5], best: null, note: 'größe "q"' };
    await saveCheckpoint(path, { tensors, state });
    const loaded = await loadCheckpoint(path);
    assert.deepEqual([...loaded!.tensors.keys()], ['z', '10', 'a']);
    for (const [name, tensor] of tensors) {
      assert.deepEqual(loaded!.tensors.get(name), { ...tensor, data: tensor.data.slice() }, name);
    }
    assert.deepEqual(loaded!.state, state);
    await saveCheckpoint(path, { tensors, state: undefined });
    assert.equal((await loadCheckpoint(path))!.state, null);
  });

  it('is one safetensors file that others can read, the same bytes for the same numbers', async t => {
    const folder = tempFolder(t);
    const paths = ['one', 'two'].map(name => join(folder, name));
    for (const path of paths) await saveCheckpoint(path, sampleCheckpoint(7, 3));
    const [one, two] = paths.map(path => readFileSync(path));
    assert.ok(one!.equals(two!));
    assert.deepEqual([...(await readSafetensors(paths[0]!)).keys()], ['step', 'a.weight']);
    const metadata = await readSafetensorsMetadata(paths[0]!);
    assert.equal(metadata.eyeball_checkpoint, '{"version":1,"state":{"step":7}}');
  });

  it('is undefined where there is none, and removing none is no error', async t => {
    const path = join(tempFolder(t), 'none', 'run.checkpoint');
    assert.equal(await loadCheckpoint(path), undefined);
    await removeCheckpoint(path);
  });

  it('takes the place of the one before, and leftovers of killed runs go; other files stay', async t => {
    const killed = processMark().replace(/-[0-9a-f]+$/, '-00000000');
    const others = [`.eyeball-${processMark()}-0123abcd.partial`, '.run.notes.partial', 'run.old'];
    const folder = tempFolder(t, [`.eyeball-${killed}-0123abcd.partial`, ...others]);
    const path = join(folder, 'run');
    for (const step of [1, 2]) await saveCheckpoint(path, sampleCheckpoint(step, 3));
    assert.deepEqual((await loadCheckpoint(path))?.state, { step: 2 });
    assert.deepEqual(readdirSync(folder).sort(), [...others, 'run'].sort());
    await removeCheckpoint(path);
    assert.deepEqual(readdirSync(folder).sort(), others.sort());
  });
});

describe('a file that is no whole checkpoint', () => {
  it('is refused at whatever byte it is damaged or cut', async t => {
    const path = join(tempFolder(t), 'run');
    await saveCheckpoint(path, sampleCheckpoint(5, 50));
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      writeFileSync(path, damaged);
      const text = await failureOf(() => loadCheckpoint(path));
      assert.ok(text.startsWith(`InputError: ${path}: expected a checkpoint of eyeball, got `), `${at}: ${text}`);
      assert.ok(text.endsWith(`; ${START_ANEW}`), `${at}: ${text}`);
    }
    for (const length of [0, 5, 100, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      assert.match(await failureOf(() => loadCheckpoint(path)), /^InputError: .*; remove it to train from the start$/);
    }
  });

  it('is refused by its kind and version', async t => {
    const path = join(tempFolder(t), 'run');
    writeFileSync(path, writeSafetensors(new Map()));
    assert.equal(
      await failureOf(() => loadCheckpoint(path)),
      `InputError: ${path}: expected a checkpoint of eyeball, got another safetensors file; ${START_ANEW}`,
    );
    // crc32 of the texts, by Python's zlib.
    const newer = { eyeball_checkpoint: '{"version":2}', eyeball_crc32: '1511901680' };
    writeFileSync(path, writeSafetensors(new Map(), newer));
    assert.equal(
      await failureOf(() => loadCheckpoint(path)),
      `InputError: ${path}: expected checkpoint version 1, got version 2; update eyeball-ml, or ${START_ANEW}`,
    );
    writeFileSync(path, writeSafetensors(new Map(), { eyeball_checkpoint: 'null', eyeball_crc32: '634125391' }));
    assert.match(
      await failureOf(() => loadCheckpoint(path)),
      /^InputError: .*: expected a checkpoint of eyeball, got ".*"; remove it to train from the start$/,
    );
    mkdirSync(`${path}-folder`);
    assert.match(
      await failureOf(() => loadCheckpoint(`${path}-folder`)),
      /got "[^"]*: expected .*got a folder"; remove/,
    );
  });
});

describe('a save that fails', () => {
  /** Saves step 2 over step 1 by `command`, which leaves no room for it, and expects the error and nothing else changed. */
  async function expectKept(folder: string, command: (args: string[]) => string[], reason: RegExp): Promise<void> {
    const path = join(folder, 'run');
    await saveCheckpoint(path, sampleCheckpoint(1, 10));
    const [file, ...args] = command([process.execPath, script('checkpoint-limited'), path, '2', '2000000']);
    const { stdout, stderr } = spawnSync(file!, args, { encoding: 'utf8' });
    const text = stdout.trim();
    assert.ok(text.startsWith(`InputError: ${path}: expected a checkpoint that can be written, got "`), text + stderr);
    assert.ok(text.endsWith(`"; ${WAY_OUT}`), text);
    assert.match(text, reason);
    assert.deepEqual(readdirSync(folder), ['run']);
    assert.deepEqual((await loadCheckpoint(path))?.state, { step: 1 });
    await saveCheckpoint(path, sampleCheckpoint(3, 10));
    assert.deepEqual((await loadCheckpoint(path))?.state, { step: 3 });
  }

  it('on a full disk leaves the earlier one, and no other file', async t => {
    const disk = tempFolder(t);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { encoding: 'utf8' });
    if (mounted.status !== 0) {
      t.skip(`cannot mount a small disk: ${mounted.error?.message ?? mounted.stderr.trim()}`);
      return;
    }
    try {
      await expectKept(disk, args => args, /ENOSPC/);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it('at the limit of file sizes leaves the earlier one, and no other file', {
    skip: process.platform === 'win32',
  }, async t => {
    // 512-byte or 1 KiB blocks, as the shell counts: at most 1 MB, for a file of 8.
    await expectKept(tempFolder(t), args => ['sh', '-c', 'ulimit -f 1000; exec "$@"', 'sh', ...args], /EFBIG/);
  });

  it('below a file names the path and the reason', async t => {
    const path = join(tempFolder(t, { file: 'x' }), 'file', 'run');
    assert.match(
      await failureOf(() => saveCheckpoint(path, sampleCheckpoint(1, 1))),
      /^InputError: .*file\/run: expected a checkpoint that can be written, got "(ENOTDIR|EEXIST): .*"; free disk space/,
    );
  });
});

it('a process that is killed while it saves leaves a whole checkpoint, its last or the one before', async t => {
  const folder = tempFolder(t);
  const path = join(folder, 'run');
  const random = createRandom(1, 'kills');
  const SIZE = 500_000; // 2 MB: most kills fall into a save
  let step = 0;
  let leftovers = 0;
  for (let round = 0; round < 12 || (leftovers === 0 && round < 60); round++) {
    const child = spawn(process.execPath, [script('checkpoint-killed'), path, `${step + 1}`, `${SIZE}`]);
    for await (const line of createInterface(child.stdout)) {
      step = Number(line);
      if (!child.killed) {
        await sleep(20 * random.uniform());
        child.kill('SIGKILL');
      }
    }
    const loaded = await loadCheckpoint(path);
    const found = (loaded!.state as { step: number }).step;
    // A save may have been done while its line was not yet written.
    assert.ok(found === step || found === step + 1, `step ${found} after ${step}`);
    assert.deepEqual(loaded, sampleCheckpoint(found, SIZE));
    step = found;
    const partials = readdirSync(folder).length - 1;
    assert.ok(partials <= 1, `${partials} leftovers`);
    leftovers += partials;
  }
  assert.ok(leftovers > 0, 'no kill fell into a save');
});
