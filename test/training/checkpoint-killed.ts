// Saves checkpoint after checkpoint, and a line on stdout after each, until it is killed: for checkpoint.test.ts.
import { saveCheckpoint } from '../../src/training/checkpoint.js';
import { sampleCheckpoint } from './checkpoints.js';

const [path, first, size] = process.argv.slice(2);
for (let step = Number(first); ; step++) {
  await saveCheckpoint(path!, sampleCheckpoint(step, Number(size)));
  process.stdout.write(`${step}\n`);
}
