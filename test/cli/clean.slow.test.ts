// Slow: cleans drawn portraits with planted faults through the command line.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { generatePortraits } from '../../src/demo/portraits/generate-portraits.js';
import { eyeball, start, TINY, temporaryFolder } from './eyeball.js';

const root = temporaryFolder();
const data = join(root, 'faces', 'train');
const network = [...TINY, '--cache', join(root, 'cache')];
const [out, decisions] = [join(root, 'look', 'labels.csv'), join(root, 'look', 'decisions.csv')];

interface Row {
  readonly file: string;
  readonly label: string;
  readonly suggested: string;
  readonly score: string;
  readonly kinds: string;
}

const table = (): Row[] => parse(readFileSync(out), { columns: true });
const clean = (...more: string[]) => eyeball('clean', data, '--out', out, ...network, '--quiet', ...more);

before(async () => {
  await generatePortraits({ out: join(root, 'faces'), images: 100, seed: 1 });
});

describe('clean', () => {
  it('ranks every image, draws a contact sheet, and writes decisions.csv', async () => {
    const { code, stdout, stderr } = await clean('--json');
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    const rows = table();
    assert.equal(rows.length, result.images);
    const scores = rows.map(({ score }) => Number(score));
    assert.ok(rows.every(({ score }) => score !== ''));
    assert.ok(scores.every((score, i) => score >= 0 && score <= (scores[i - 1] ?? 1)));
    for (const issue of result.issues) assert.ok(['file', 'kind', 'label', 'score'].every(key => key in issue));
    const kinds = new Set(result.issues.map(({ kind }: { kind: string }) => kind));
    for (const kind of ['duplicate', 'conflict', 'grayscale']) assert.ok(kinds.has(kind), [...kinds].join());
    assert.equal(result.skipped.length, 3);
    assert.equal((await sharp(readFileSync(result.sheet)).metadata()).format, 'png');
    const offered: Row[] = parse(readFileSync(decisions), { columns: true });
    assert.equal(offered.length, result.decisions.open);
    assert.ok(offered.length > 0);
  });

  it('reads and keeps decisions, in train, evaluate and inspect too', async () => {
    const [set, drop, keep] = table().map(({ file }) => file) as [string, string, string];
    const [open] = (parse(readFileSync(decisions), { columns: true }) as Row[])
      .map(({ file }) => file)
      .filter(file => ![set, drop, keep].includes(file));
    const images = table().length;
    writeFileSync(
      decisions,
      `decision;file;value;note\nset;${set};33;mine\ndrop;${drop};;\nkeep;${keep.replace('/', '\\')};;"a; b"\n;${open!.replace('.jpg', '.JPG')};;`,
    );
    const text = readFileSync(decisions, 'utf8');
    const { code, stdout, stderr } = await clean('--json');
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    assert.ok(readFileSync(decisions, 'utf8').startsWith(`${text}\n`) || readFileSync(decisions, 'utf8') === text);
    // A row with another spelling of the path is the row of that image.
    assert.ok(!readFileSync(decisions, 'utf8').includes(open!));
    const { kept, set: setCount, dropped } = result.decisions;
    assert.deepEqual([kept, setCount, dropped], [1, 1, 1]);
    assert.equal(result.images, images - 1);
    const rows = table();
    assert.equal(rows.length, images);
    const settled = rows.filter(({ kinds }) => kinds === 'settled');
    assert.deepEqual(settled.map(({ file }) => file).sort(), [set, drop, keep].sort());
    assert.ok(settled.every(({ score }) => score === '0'));
    assert.equal(settled.find(({ file }) => file === set)!.label, '33');
    for (const issue of result.issues) assert.ok(![set, drop, keep].includes(issue.file), issue.file);

    const model = join(root, 'model');
    const trained = await eyeball('train', data, '--out', model, ...network, '--decisions', decisions, '--json');
    assert.equal(trained.code, 0, trained.stderr);
    assert.match(trained.stderr, /decisions\.csv: 1 kept, 1 set, 1 dropped/);
    assert.equal(JSON.parse(trained.stdout).images, images - 1);
    const { configuration } = JSON.parse(readFileSync(join(model, 'eyeball.json'), 'utf8'));
    assert.equal(configuration.decisions, '1 kept, 1 set, 1 dropped');
    const inspected = await eyeball('inspect', data, '--decisions', decisions, '--json', '--quiet');
    assert.equal(JSON.parse(inspected.stdout).images, images - 1);
    const evaluated = await eyeball('evaluate', model, data, '--decisions', decisions, '--json', '--quiet');
    assert.equal(JSON.parse(evaluated.stdout).images, images - 1);
  });

  it('decides about labels with --decide', async () => {
    const other = join(root, 'told.jsonl');
    const more = ['--decisions', join(root, 'told.csv'), '--decide', 'set', '--threshold', '0.001', '--json'];
    const { code, stdout, stderr } = await eyeball('clean', data, '--out', other, ...network, '--quiet', ...more);
    assert.equal(code, 0, stderr);
    const { issues, decisions: stand } = JSON.parse(stdout);
    const labels = issues.filter(({ kind }: { kind: string }) => kind === 'label');
    assert.equal(stand.set, labels.length);
    assert.ok(labels.length > 0);
    const [line] = readFileSync(other, 'utf8').split('\n');
    assert.deepEqual(Object.keys(JSON.parse(line!)), ['file', 'label', 'suggested', 'score', 'kinds']);
  });

  it('never replaces a file that it did not write', async () => {
    const mine = join(root, 'mine.csv');
    writeFileSync(mine, 'file_name,age\na.jpg,3\n');
    const args = ['clean', data, '--out', mine, ...network, '--quiet'];
    const { code, stderr } = await eyeball(...args);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `eyeball: ${mine}: expected a new file or one of npx eyeball-ml clean, got another file; choose another --out, or add --force to move it aside\n`,
    );
    assert.equal((await eyeball(...args, '--force', '--decisions', join(root, 'none.csv'))).code, 0);
    assert.equal(readFileSync(`${mine}.old-1`, 'utf8'), 'file_name,age\na.jpg,3\n');
    assert.ok(existsSync(mine));
  });

  it('never replaces an image that is not its contact sheet', async () => {
    const [table, image] = [join(root, 'photo.csv'), join(root, 'photo.png')];
    writeFileSync(image, 'mine');
    const args = ['clean', data, '--out', table, ...network, '--quiet'];
    const { code, stderr } = await eyeball(...args);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /photo\.png: expected a new file or one of npx eyeball-ml clean, got another file; choose another/,
    );
    assert.equal(readFileSync(image, 'utf8'), 'mine');
    assert.equal((await eyeball(...args, '--force', '--decisions', join(root, 'none.csv'))).code, 0);
    assert.equal(readFileSync(`${image}.old-1`, 'utf8'), 'mine');
    assert.ok(existsSync(table) && existsSync(image));
  });

  it('keeps decisions about missing images, which inspect refuses', async () => {
    const gone = join(root, 'gone.csv');
    writeFileSync(gone, 'file,decision,value\n9/none.jpg,drop,\n');
    const { code, stderr } = await eyeball('inspect', data, '--decisions', gone);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /gone\.csv: expected decisions about images of the data, got "9\/none\.jpg", which is not there/,
    );
    const again = await eyeball('clean', data, '--out', out, '--decisions', gone, ...network);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /gone\.csv: 1 decisions are about images that are not here; they stay there/);
    assert.ok(readFileSync(gone, 'utf8').startsWith('file,decision,value\n9/none.jpg,drop,\n'));
  });

  it('refuses invalid options and too few images', async () => {
    const cases: readonly [string[], number, RegExp][] = [
      [['clean', data], 2, /required option '--out <file>' not specified/],
      [['clean', data, '--out', 'labels.txt'], 2, /--out: expected a file \.csv or \.jsonl, got labels\.txt/],
      [
        ['clean', data, '--out', out, '--threshold', '0'],
        2,
        /--threshold: expected a probability above 0, up to 1, got 0/,
      ],
      [['clean', data, '--out', out, '--noise', '0.1'], 2, /--noise has no effect without --prove; remove it/],
      [
        ['clean', data, '--prove', '--out', out],
        2,
        /--out has no effect with --prove, which writes nothing; remove it/,
      ],
      [['clean', data, '--prove', '--noise', '0.5'], 2, /--noise: expected a share above 0, below 0\.5, got 0\.5/],
      [
        ['clean', data, '--out', out, ...network, '--limit', '5'],
        1,
        /expected at least 10 images that can be read, got/,
      ],
      [['clean', data, '--prove', ...network, '--limit', '30'], 1, /expected at least 50 images to prove on, got/],
    ];
    for (const [args, wanted, text] of cases) {
      const { code, stderr } = await eyeball(...args);
      assert.match(stderr, text);
      assert.equal(code, wanted, args.join(' '));
    }
  });
});

describe('clean --prove', () => {
  it('finds planted labels and copies, and trains on four versions of the labels', async () => {
    const { code, stdout, stderr } = await eyeball('clean', data, '--prove', '--noise', '0.1', ...network, '--json');
    assert.equal(code, 0, stderr);
    const { runs, mean, duplicates, wonBack } = JSON.parse(stdout);
    assert.equal(runs.length, 1);
    assert.ok(mean.planted >= 5 && mean.planted <= 8, `${mean.planted}`);
    assert.deepEqual(Object.keys(mean.errors), ['noisy', 'dropped', 'set', 'original']);
    assert.ok(mean.auc >= 0 && mean.auc <= 1);
    assert.equal(duplicates.planted, 4);
    assert.deepEqual(Object.keys(wonBack), ['dropped', 'set']);
  });

  it('removes the files of a killed run in the next one', async () => {
    const [cache, temporary] = [join(root, 'killed-cache'), join(root, 'killed-temporary')];
    mkdirSync(temporary);
    const args = ['clean', data, '--prove', ...TINY, '--cache', cache, '--quiet'];
    // The process kills itself once the first copy is written.
    const hook = `
      import fs from 'node:fs/promises';
      import { syncBuiltinESMExports } from 'node:module';
      const { writeFile } = fs;
      fs.writeFile = async (path, ...rest) => {
        await writeFile(path, ...rest);
        if (/[\\\\/]0\\.jpg$/.test(path)) process.kill(process.pid, 'SIGKILL');
      };
      syncBuiltinESMExports();`;
    const env = { TMPDIR: temporary, NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}` };
    const killed = await start(args, env).outcome;
    assert.equal(killed.code, null, killed.stderr);
    const copies = () =>
      [cache, temporary]
        .flatMap(at => readdirSync(at, { recursive: true, encoding: 'utf8' }))
        .filter(name => name.endsWith('0.jpg'));
    assert.equal(copies().length, 1);
    const { code, stderr } = await start(args, { TMPDIR: temporary }).outcome;
    assert.equal(code, 0, stderr);
    assert.deepEqual(copies(), []);
  });
});
