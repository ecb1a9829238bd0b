// Slow: runs every command once on a trained model, each as a process.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { eyeball, start, TINY, temporaryFolder, writeImages } from './eyeball.js';

const root = temporaryFolder();
const [train, test] = [join(root, 'train'), join(root, 'test')];
const cache = join(root, 'cache');
const [model, adam] = [join(root, 'model'), join(root, 'adam')];
const json = (text: string) => JSON.parse(text);

before(async () => {
  await writeImages(train, 120);
  await writeImages(test, 40, 1);
  writeFileSync(join(train, '10', 'broken.jpg'), 'not an image');
});

describe('train', () => {
  it('prints the keys that scripts rely on and writes the model folder', async () => {
    const { code, stdout, stderr } = await eyeball('train', train, '--out', model, ...TINY, '--cache', cache, '--json');
    assert.equal(code, 0, stderr);
    const result = json(stdout);
    assert.deepEqual(Object.keys(result), [
      'images',
      'skipped',
      'backbone',
      'precision',
      'features',
      'choice',
      'candidates',
      'tune',
      'heads',
      'epochs',
      'bestEpoch',
      'validation',
      'chooseSeconds',
      'extractSeconds',
      'fitSeconds',
      'totalSeconds',
      'calibrateSeconds',
      'imagesPerSecond',
      'cachedImages',
      'computeShare',
      'peakRssBytes',
      'model',
    ]);
    assert.equal(result.images, 120);
    assert.equal(result.features, 512);
    assert.equal(result.tune, 'head');
    const names: string[] = result.heads.map((head: { name: string }) => head.name);
    // One of the two may have no share in the model.
    assert.ok(names.includes('ridge') && names.includes('mean of 5 mlp'), `${names}`);
    assert.deepEqual(
      result.skipped.map((s: { file: string }) => s.file),
      ['10/broken.jpg'],
    );
    assert.match(result.skipped[0].reason, /^expected a photo .*, got text/);
    const [taken] = result.heads;
    const epochs = taken.name === 'ridge' ? 0 : 20;
    assert.equal(result.epochs.length, epochs);
    assert.equal(result.validation.rmse, taken.rmse);
    const curves = epochs > 0 ? readdirSync(model).filter(name => name.startsWith('events.out.tfevents.')) : [];
    assert.equal(curves.length, Math.sign(epochs));
    const files = ['README.md', 'events.jsonl', 'eyeball.json', 'model.onnx', 'training-index.safetensors'];
    assert.deepEqual(readdirSync(model).sort(), [...files, ...curves].sort());
  });

  it('gives the same bytes of model.onnx for the same data and seed, from an empty cache too', async () => {
    const again = join(root, 'again');
    const { code, stderr } = await eyeball(
      'train',
      train,
      '--out',
      again,
      ...TINY,
      '--cache',
      join(root, 'cache2'),
      '--quiet',
    );
    assert.equal(code, 0);
    assert.equal(stderr, '');
    assert.ok(readFileSync(join(again, 'model.onnx')).equals(readFileSync(join(model, 'model.onnx'))));
  });

  it('trains with --solver adam, and keeps the losses by epoch', async () => {
    const args = ['--solver', 'adam', '--epochs', '2', '--batch', '10', '--cache', cache];
    const { code, stdout, stderr } = await eyeball('train', train, '--out', adam, ...TINY, ...args, '--json');
    assert.equal(code, 0, stderr);
    const { epochs } = json(stdout);
    assert.deepEqual(Object.keys(epochs[0]), [
      'epoch',
      'trainLoss',
      'trainMse',
      'valMse',
      'valMae',
      'learningRate',
      'seconds',
    ]);
    // A head is trained in seconds, so its epochs are in events.jsonl only.
    assert.doesNotMatch(stderr, /: loss /);
    const events = readFileSync(join(adam, 'events.jsonl'), 'utf8').trim().split('\n').map(json);
    assert.deepEqual(events, epochs);
  });

  it('keeps an existing output unless forced, and then moves it aside', async () => {
    const out = join(root, 'kept');
    const args = ['train', train, '--out', out, ...TINY, '--cache', cache, '--quiet'];
    assert.equal((await eyeball(...args)).code, 0);
    const first = readFileSync(join(out, 'eyeball.json'), 'utf8');
    const refused = await eyeball(...args);
    assert.equal(refused.code, 1);
    assert.equal(
      refused.stderr,
      `eyeball: ${out}: expected a new folder, got one that exists; choose another, or add --force to move it aside\n`,
    );
    assert.equal((await eyeball(...args, '--force')).code, 0);
    assert.equal(readFileSync(join(`${out}.old-1`, 'eyeball.json'), 'utf8'), first);
  });

  it('exits with 130 on Ctrl-C, and keeps cached features after a kill', async () => {
    const data = join(root, 'many');
    await writeImages(data, 400, 2);
    const tail = [
      '--backbone',
      'resnet18',
      '--weights',
      'formula',
      '--size',
      '64',
      '--quiet',
      '--cache',
      join(root, 'cache3'),
    ];
    const interrupt = async (signal: 'SIGINT' | 'SIGKILL', out: string) => {
      const cached = cachedRows(join(root, 'cache3'));
      const run = start(['train', data, '--out', join(root, out), ...tail]);
      while (cachedRows(join(root, 'cache3')) === cached) await sleep(20);
      run.kill(signal);
      return await run.outcome;
    };
    const stopped = await interrupt('SIGINT', 'stopped');
    assert.equal(stopped.code, 130, stopped.stderr);
    assert.match(stopped.stderr, /^eyeball: stopped$/m);
    assert.equal(existsSync(join(root, 'stopped')), false);
    assert.equal((await interrupt('SIGKILL', 'killed')).code, null);
    assert.equal(existsSync(join(root, 'killed')), false);
    assert.equal((await eyeball('train', data, '--out', join(root, 'resumed'), ...tail)).code, 0);
    const undisturbed = join(root, 'undisturbed');
    assert.equal(
      (await eyeball('train', data, '--out', undisturbed, ...tail.slice(0, -1), join(root, 'cache4'))).code,
      0,
    );
    const bytes = (out: string) => readFileSync(join(out, 'model.onnx'));
    assert.ok(bytes(join(root, 'resumed')).equals(bytes(undisturbed)));
  });
});

/** Bytes of all records of the feature cache in this folder. */
function cachedRows(folder: string): number {
  if (!existsSync(folder)) return 0;
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.index'));
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

describe('evaluate', () => {
  it('prints the keys that scripts rely on and writes the report', async () => {
    const { code, stdout, stderr } = await eyeball('evaluate', model, test, '--json');
    assert.equal(code, 0, stderr);
    const result = json(stdout);
    for (const key of [
      'images',
      'skipped',
      'mse',
      'rmse',
      'mae',
      'r2',
      'cs5',
      'bias',
      'byGroup',
      'baseline',
      'interval95',
      'slope',
      'byColumn',
      'slices',
      'coverage90',
      'intervalWidth90',
      'coverage80',
      'intervalWidth80',
      'calibration',
      'riskCoverage',
      'unusual',
    ]) {
      assert.ok(key in result, key);
    }
    assert.equal(result.images, 40);
    assert.ok(result.rmse < result.baseline.mean.rmse / 2, `${result.rmse} against ${result.baseline.mean.rmse}`);
    const files = ['best.png', 'metrics.json', 'model-card.md', 'predictions.csv', 'report.html', 'worst.png'];
    assert.deepEqual(readdirSync(`${model}-evaluation`).sort(), files);
    const page = readFileSync(join(`${model}-evaluation`, 'report.html'), 'utf8');
    assert.doesNotMatch(page.replaceAll('http://www.w3.org/', ''), /https?:\/\/[^ ]*\.(js|css|woff)/);
    // 40 rows and the header.
    assert.equal(
      readFileSync(join(`${model}-evaluation`, 'predictions.csv'), 'utf8')
        .trim()
        .split('\n').length,
      41,
    );
  });

  it('replaces the files of its earlier results, and no others', async () => {
    const [notes, below] = [join(`${model}-evaluation`, 'notes.txt'), join(`${model}-evaluation`, 'mine', 'a.txt')];
    await mkdir(join(`${model}-evaluation`, 'mine'));
    for (const file of [notes, below]) writeFileSync(file, 'mine');
    assert.equal((await eyeball('evaluate', join(model, 'model.onnx'), test, '--quiet', '--limit', '5')).code, 0);
    assert.equal(existsSync(`${model}-evaluation.old-1`), false);
    for (const file of [notes, below]) assert.equal(readFileSync(file, 'utf8'), 'mine');
    assert.equal(json(readFileSync(join(`${model}-evaluation`, 'metrics.json'), 'utf8')).images, 5);
    const { code, stderr } = await eyeball('evaluate', model, test, '--out', train);
    assert.equal(code, 1);
    assert.match(stderr, /expected a new folder, got one that exists/);
  });

  it('moves other files at its default place aside', async () => {
    const other = join(root, 'other');
    await mkdir(`${other}-evaluation`);
    writeFileSync(join(`${other}-evaluation`, 'notes.txt'), 'mine');
    assert.equal((await eyeball('train', train, '--out', other, ...TINY, '--cache', cache, '--quiet')).code, 0);
    assert.equal((await eyeball('evaluate', other, test, '--quiet')).code, 1);
    assert.equal((await eyeball('evaluate', other, test, '--quiet', '--force')).code, 0);
    assert.equal(readFileSync(join(`${other}-evaluation.old-1`, 'notes.txt'), 'utf8'), 'mine');
  });

  it('warns of a model that predicts nearly the same value for every image', async () => {
    const same = join(root, 'same');
    await writeImages(same, 30, 3);
    const args = ['--solver', 'adam', '--epochs', '1', '--lr', '1e-9', '--cache', cache, '--quiet'];
    assert.equal((await eyeball('train', same, '--out', join(root, 'constant'), ...TINY, ...args)).code, 0);
    const { stdout } = await eyeball('evaluate', join(root, 'constant'), test);
    assert.match(stdout, /^warning: The model predicts almost the same value for every image/m);
  });
});

describe('predict', () => {
  it('gives the same interval with an explanation as without', async () => {
    const [age] = readdirSync(test);
    const [name] = readdirSync(join(test, age!));
    const predict = async (...more: string[]) => {
      const { code, stdout, stderr } = await eyeball(
        'predict',
        model,
        join(test, age!, name!),
        '--json',
        '--quiet',
        ...more,
      );
      assert.equal(code, 0, stderr);
      const [{ explanation, ...prediction }] = json(stdout);
      return { method: explanation?.method, prediction };
    };
    const plain = await predict('--level', '0.5');
    assert.ok(plain.prediction.low < plain.prediction.high);
    const { method, prediction } = await predict('--level', '0.5', '--explain', join(root, 'why'));
    // The other outputs of the file, scale and distance, have no influence.
    assert.equal(method, 'gradient');
    assert.deepEqual(prediction, plain.prediction);
    assert.notDeepEqual((await predict()).prediction, plain.prediction);
  });

  it('prints a line per image, also if one of them cannot be read', async () => {
    const [first, second] = readdirSync(join(test, '10'));
    const broken = join(train, '10', 'broken.jpg');
    const images = [join(test, '10', first!), broken, join(test, '10', second ?? first!)];
    const { code, stdout } = await eyeball('predict', model, ...images);
    assert.equal(code, 1);
    const lines = stdout.trim().split('\n');
    assert.match(lines[0]!, new RegExp(`^${images[0]}\t-?\\d+`));
    assert.match(lines[1]!, new RegExp(`^${broken}: expected a photo .*, got text`));
    assert.equal(lines.length, 3);
    const result = json((await eyeball('predict', model, ...images, '--json')).stdout);
    assert.deepEqual(
      result.map((p: { value: unknown }) => typeof p.value),
      ['number', 'object', 'number'],
    );
    assert.deepEqual(Object.keys(result[1]), ['file', 'value', 'error']);
  });

  it('writes a row per image to a CSV file, and replaces no other file', async () => {
    const broken = join(train, '10', 'broken.jpg');
    const csv = join(root, 'predictions.csv');
    for (const _ of [1, 2]) {
      const { code, stdout } = await eyeball('predict', model, join(test, '10'), broken, '--csv', csv);
      assert.equal(code, 1);
      assert.match(stdout, /predictions\.csv: \d+ predictions, 1 errors\n$/);
    }
    const rows = parse(readFileSync(csv), { columns: true }) as Record<string, string>[];
    assert.deepEqual(
      rows.map(({ file }) => file),
      [...readdirSync(join(test, '10')).map(name => join(test, '10', name)), broken],
    );
    const { value, low, high } = rows[0]!;
    assert.ok(Number(low) < Number(value) && Number(value) < Number(high));
    assert.match(rows.at(-1)!.error!, /^expected a photo/);
    writeFileSync(csv, 'mine\n');
    const refused = await eyeball('predict', model, join(test, '10'), '--csv', csv);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /expected a new file or an earlier table of predictions, got another file/);
    assert.equal(readFileSync(csv, 'utf8'), 'mine\n');
  });

  it('gives intervals at any level for which there are enough calibration images', async () => {
    const image = join(test, '10', readdirSync(join(test, '10'))[0]!);
    const at = async (level: string) => {
      const { stdout, stderr } = await eyeball('predict', model, image, '--level', level, '--json');
      return { ...json(stdout)[0], stderr };
    };
    const [half, most, all] = [await at('0.5'), await at('0.9'), await at('0.999')];
    assert.ok(most.low <= half.low && half.low < half.value && half.value < half.high && half.high <= most.high);
    assert.deepEqual([all.low, all.high], [null, null]);
    assert.match(all.stderr, /warning: 99\.9 % intervals need 999 calibration images or more, and the model has 120: /);
    assert.match((await eyeball('predict', model, image)).stdout, /\t-?[\d.]+\t-?[\d.]+ to -?[\d.]+/);
  });

  it('agrees with evaluate, and reads folders and URLs', async () => {
    const out = join(root, 'all');
    assert.equal((await eyeball('evaluate', model, test, '--out', out, '--quiet')).code, 0);
    const rows = readFileSync(join(out, 'predictions.csv'), 'utf8').trim().split('\n').slice(1);
    const byFile = new Map(rows.map(row => [row.split(',')[0], Number(row.split(',')[2])]));
    const predictions = json((await eyeball('predict', model, test, '--json')).stdout);
    assert.equal(predictions.length, 40);
    for (const { file, value } of predictions) {
      assert.ok(Math.abs(byFile.get(file.slice(test.length + 1))! - value) < 1e-3, file);
    }
    const [name] = readdirSync(join(test, '10'));
    const server = createServer((request, response) => {
      if (request.url === '/gone.jpg') response.writeHead(404).end();
      else response.end(readFileSync(join(test, '10', name!)));
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.on('listening', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const fetched = json((await eyeball('predict', model, `${address}/x.jpg`, `${address}/gone.jpg`, '--json')).stdout);
    server.close();
    assert.ok(Math.abs(fetched[0].value - byFile.get(`10/${name}`)!) < 1e-3);
    assert.deepEqual(fetched[1], {
      file: `${address}/gone.jpg`,
      value: null,
      error: 'expected an image, got status 404',
    });
  });
});

describe('compare', () => {
  it('compares the results of train and evaluate', async () => {
    assert.equal((await eyeball('evaluate', model, test, '--quiet')).code, 0);
    assert.equal((await eyeball('evaluate', adam, test, '--quiet')).code, 0);
    const { code, stdout, stderr } = await eyeball('compare', model, adam, '--json');
    assert.equal(code, 0, stderr);
    const { models, warnings } = json(stdout);
    // One is measured by cross-validation, the other on held-out images.
    assert.deepEqual(warnings, [
      'The models held out different images (validation, seed): so their validation errors are of different images.',
    ]);
    assert.deepEqual(
      models.map((m: { model: string; epochs: number; evaluation: { images: number } }) => [
        m.model,
        m.epochs,
        m.evaluation.images,
      ]),
      [
        [model, readFileSync(join(model, 'events.jsonl'), 'utf8').split('\n').length - 1, 40],
        [adam, 2, 40],
      ],
    );
    for (const { times, sizeBytes } of models) {
      assert.ok(times.totalSeconds >= times.fitSeconds + times.extractSeconds, JSON.stringify(times));
      assert.ok(sizeBytes > 40e6);
    }
    // A part of the test images is other data, and a model that is trained anew has no evaluation.
    assert.equal((await eyeball('evaluate', adam, test, '--quiet', '--limit', '30')).code, 0);
    assert.match((await eyeball('compare', model, adam)).stdout, /^warning: .* evaluated on different test data/m);
    const args = ['--seed', '1', '--cache', cache, '--quiet', '--force'];
    assert.equal((await eyeball('train', train, '--out', adam, ...TINY, ...args)).code, 0);
    assert.match((await eyeball('compare', model, adam)).stdout, /^warning: .* is of another model/m);
  });
});

describe('inspect', () => {
  it('prints the keys that scripts rely on and writes a page and a contact sheet', async () => {
    const out = join(root, 'look');
    const { code, stdout, stderr } = await eyeball('inspect', train, '--out', out, '--json');
    assert.equal(code, 0, stderr);
    const result = json(stdout);
    assert.equal(result.images, 120);
    assert.deepEqual(
      result.skipped.map((s: { file: string }) => s.file),
      ['10/broken.jpg'],
    );
    for (const key of ['min', 'max', 'mean', 'std']) assert.equal(typeof result.labels[key], 'number', key);
    assert.equal(
      result.histogram.reduce((sum: number, bin: { images: number }) => sum + bin.images, 0),
      120,
    );
    assert.deepEqual(result.sizes, [{ width: 40, height: 40, images: 120 }]);
    const { width, height } = await sharp(join(out, 'samples.png')).metadata();
    assert.ok(width > 400 && height > 400, `${width} x ${height}`);
    assert.match(readFileSync(join(out, 'inspect.html'), 'utf8'), /10\/<wbr>broken\.jpg/);
  });

  it('counts images without color, in any storage format', async () => {
    const data = join(root, 'gray', '1');
    await mkdir(data, { recursive: true });
    const gray = sharp({ create: { width: 40, height: 40, channels: 3, background: '#808080' } });
    writeFileSync(join(data, 'stored-as-colour.jpg'), await gray.clone().jpeg().toBuffer());
    writeFileSync(join(data, 'stored-as-gray.png'), await gray.clone().toColourspace('b-w').png().toBuffer());
    writeFileSync(join(data, 'blue.jpg'), await gray.clone().tint('#0000ff').jpeg().toBuffer());
    const { stdout } = await eyeball('inspect', join(root, 'gray'), '--quiet', '--json');
    assert.equal(json(stdout).grayscale, 2);
  });

  it('shows a histogram and unreadable files', async () => {
    const { stdout } = await eyeball('inspect', train, '--quiet');
    assert.match(stdout, /^120 images: 120 jpeg; \d+ grayscale$/m);
    assert.match(stdout, /█/);
    assert.match(stdout, /^ {2}10\/broken\.jpg: expected a photo/m);
  });
});
