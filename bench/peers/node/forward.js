// Images a second of a graph model in TensorFlow.js on its WASM backend, on batches of 25 in memory.
//   node forward.js MODEL_WITHOUT_EXTENSION SIZE BATCHES
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

const [path, size, batches] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
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
