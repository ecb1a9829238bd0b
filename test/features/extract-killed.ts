// A process that extracts features and kills itself when `killAt` images are done: for extract.test.ts.
import { extractFeatures } from '../../src/features/extract.js';
import { tinyBackbone } from './tiny-backbone.js';

const [root, cacheDir, killAt, ...files] = process.argv.slice(2);
const dataset = { root: root!, target: 'value', samples: files.map((file, label) => ({ file, label })), skipped: [] };
await extractFeatures(dataset, tinyBackbone(), cacheDir!, {
  onProgress({ done }) {
    if (done >= Number(killAt)) process.kill(process.pid, 'SIGKILL');
  },
});
