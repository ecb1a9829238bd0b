// Saves one checkpoint and prints what became of it: for checkpoint.test.ts, which runs it with no room to write.
import { saveCheckpoint } from '../../src/training/checkpoint.js';
import { failureOf } from '../datasets/temp.js';
import { sampleCheckpoint } from './checkpoints.js';

const [path, step, size] = process.argv.slice(2);
console.log(await failureOf(() => saveCheckpoint(path!, sampleCheckpoint(Number(step), Number(size)))));
