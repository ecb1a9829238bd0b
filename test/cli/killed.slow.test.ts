// Slow: kills trainings in many places and resumes each.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../src/base/random.js';
import { eyeball, start, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const data = join(root, 'data');
// The ridge head is fitted at once, so that kills hit fine-tuning.
const common = ['--cache', join(root, 'cache'), '--head', 'linear', '--quiet', '--checkpoint-every', '0'];
const cases: readonly [string, readonly string[]][] = [
  [
    'the last stage, on what is cached below it',
    ['--backbone', 'face', '--tune', 'last', '--epochs', '6', '--batch', '6'],
  ],
  [
    'all stages, on augmented images',
    [...TINY, '--tune', 'all', '--augment', 'face', '--optimizer', 'sgd', '--epochs', '3', '--batch', '6'],
  ],
];
// Sixteen more on a smaller fit: training/resume.test.ts.
const KILLS = 4;

before(async () => {
  await writeImages(data, 20);
});

describe('a process that is killed while fine-tuning', () => {
  for (const [at, [what, options]] of cases.entries()) {
    it(`${what}, resumes and ends in the same model.onnx`, async () => {
      const args = (out: string) => ['train', data, '--out', join(root, out), ...options, ...common];
      const undisturbed = await eyeball(...args(`undisturbed-${at}`));
      assert.equal(undisturbed.code, 0, undisturbed.stderr);
      const random = createRandom(at, 'kills');
      const name = `killed-${at}`;
      const checkpoint = join(root, `${name}.checkpoint.safetensors`);
      const saved = () => (existsSync(checkpoint) ? statSync(checkpoint).mtimeMs : 0);
      for (let kill = 0; kill < KILLS; kill++) {
        const before = saved();
        const child = start([...args(name), '--resume']);
        while (saved() === before && child.exitCode === null) await sleep(5);
        await sleep(100 * random.uniform());
        child.kill('SIGKILL');
        const { code, stderr } = await child.outcome;
        assert.equal(code, null, `it had ended: ${stderr}`);
        assert.equal(existsSync(join(root, name)), false);
      }
      const { code, stderr } = await eyeball(...args(name), '--resume');
      assert.equal(code, 0, stderr);
      const network = (out: string) => readFileSync(join(root, out, 'model.onnx'));
      assert.ok(network(name).equals(network(`undisturbed-${at}`)));
      const epochs = (out: string) =>
        readFileSync(join(root, out, 'events.jsonl'), 'utf8').replace(/,"seconds":[^}]*/g, '');
      assert.equal(epochs(name), epochs(`undisturbed-${at}`));
      // Killed runs leave no files beside it.
      assert.deepEqual(
        readdirSync(root).filter(file => file.includes(name)),
        [name],
      );
    });
  }
});
