import { reasonOf } from '../../base/errors.js';
import { loadModel, type WebModel } from '../web-model.js';
import { threadsHere } from '../web-session.js';
import type { Ask, Tell } from './messages.js';

// The model computes here, beside the page: a picture takes a tenth of a second and more, in which a page would stand still.

let model: Promise<WebModel> | undefined;
const tell = (message: Tell): void => postMessage(message);

async function load(url: string, runtime: string): Promise<void> {
  model = loadModel(url, { runtime, onProgress: progress => tell({ kind: 'progress', progress }) });
  try {
    const { device } = await model;
    tell({ kind: 'ready', device, threads: device === 'wasm' ? threadsHere() : 1 });
  } catch (thrown) {
    tell({ kind: 'failed', reason: reasonOf(thrown) });
  }
}

async function predict({ id, picture }: Extract<Ask, { kind: 'predict' }>): Promise<void> {
  try {
    tell({ kind: 'prediction', id, prediction: await (await model!).predict(picture) });
  } catch (thrown) {
    tell({ kind: 'refusal', id, reason: reasonOf(thrown) });
  }
}

addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  if (data.kind === 'load') void load(data.model, data.runtime);
  else void predict(data);
});
