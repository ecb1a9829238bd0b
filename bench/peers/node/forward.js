// Images a second of the face network of @vladmandic/human in TensorFlow.js on its WASM backend, on batches of 25 in memory.
//   node forward.js SIZE BATCHES
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

const [size, batches] = process.argv.slice(2).map(Number);
const path = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/human')), '../models/faceres');
setWasmPaths(`${dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm')))}/`);
await tf.setBackend('wasm');
await tf.ready();
const json = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
const model = await loadGraphModel({
  load: async () => ({
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest[0].weights,
    weightData: new Uint8Array(readFileSync(`${path}.bin`)).buffer,
  }),
});
const names = model.outputs.map(({ name }) => name);
const images = tf.fill([25, size, size, 3], 127);

async function run() {
  const outputs = [model.execute(images, names)].flat();
  await Promise.all(outputs.map(output => output.data()));
  tf.dispose(outputs);
}

await run();
const started = performance.now();
for (let i = 0; i < batches; i++) await run();
console.log(JSON.stringify({ imagesPerSecond: (25 * batches * 1000) / (performance.now() - started) }));
