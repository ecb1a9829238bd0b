import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { listen } from '../../src/cli/listen.js';
import { generatePortraits } from '../../src/demo/portraits/generate-portraits.js';
import { type AppOptions, createApp } from '../../src/serving/app.js';
import { openWorkplace } from '../../src/serving/studio/workplace.js';

/** A service on a port of this machine. */
export interface Service {
  /** Where it answers, ending with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** Puts a service on a free port, or on `port`. */
export async function serveApp(options: AppOptions, port = 0): Promise<Service> {
  const app = createApp(options);
  const listening = await listen(app, { host: '127.0.0.1', port, bodyMs: 10_000 });
  return {
    url: `${listening.address}/`,
    async close() {
      app.shutDown();
      await listening.close();
      await app.close();
    },
  };
}

/** Draws 60 portraits to train and 15 to test below `root`, three of the former broken. */
export async function drawFaces(root: string): Promise<{ readonly train: string; readonly test: string }> {
  const { train, test } = await generatePortraits({ out: join(root, 'faces'), images: 75, seed: 1 });
  return { train, test };
}

/** Twelve values of a hundred images each, 64 x 24 px; folders in the order of names are not in that of numbers. */
export async function drawMany(root: string): Promise<string> {
  const data = join(root, 'many');
  for (const label of [5, 9, 15, 20, 30, 40, 50, 60, 70, 85, 100, 112]) {
    const background = { r: 2 * label, g: 90, b: 160 };
    const image = await sharp({ create: { width: 64, height: 24, channels: 3, background } })
      .jpeg()
      .toBuffer();
    mkdirSync(join(data, `${label}`), { recursive: true });
    for (let i = 0; i < 100; i++) writeFileSync(join(data, `${label}`, `${i}.jpg`), image);
  }
  return data;
}

/** The service over a folder of images, without a model. */
export async function serveFolder(data: string): Promise<Service> {
  return serveApp({ workplace: await openWorkplace({ data, models: `${data}-models` }) });
}

/** The service over the drawn faces below `root`, without a model; its networks are small. */
export async function serveFaces(root: string, port = 0): Promise<Service> {
  const faces = join(root, 'faces');
  const workplace = await openWorkplace({
    data: join(faces, 'train'),
    test: join(faces, 'test'),
    target: 'age',
    unit: 'years',
    models: join(root, 'models'),
    cacheDir: join(root, 'cache'),
    network: { backbone: 'resnet18', weights: 'formula', sizePx: 32 },
  });
  return serveApp({ workplace }, port);
}
