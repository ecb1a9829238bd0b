// Slow: runs each command on each kind of bad file.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { eyeball, TINY, temporaryFolder, writeImages } from './eyeball.js';

// A closed port: no test may reach the real hub.
process.env.HF_ENDPOINT = 'http://127.0.0.1:9';
const root = temporaryFolder();
const at = (...parts: string[]) => join(root, ...parts);
const train = (data: string, ...more: string[]) => [
  'train',
  data,
  '--out',
  at('new'),
  ...TINY,
  '--cache',
  at('cache'),
  ...more,
];

before(async () => {
  await writeImages(at('good'), 20);
  mkdirSync(at('empty'));
  mkdirSync(at('words', 'old'), { recursive: true });
  writeFileSync(at('words', 'old', 'x.jpg'), '');
  mkdirSync(at('broken', '7'), { recursive: true });
  writeFileSync(at('broken', '7', 'x.jpg'), 'GIF');
  mkdirSync(at('nested'));
  cpSync(at('good'), at('nested', 'train'), { recursive: true });
  writeFileSync(at('bad.csv'), 'file_name,age\ngood/1.jpg,12\ngood/2.jpg,n/a\n');
  writeFileSync(at('infinite.csv'), 'file_name,age\ngood/1.jpg,12\ngood/2.jpg,Infinity\n');
  writeFileSync(at('unfinished.checkpoint.safetensors'), 'x');
  const { code, stderr } = await eyeball('train', at('good'), '--out', at('model'), ...TINY, '--cache', at('cache'));
  assert.equal(code, 0, stderr);
  const change = (name: string, work: (folder: string) => void) => {
    cpSync(at('model'), at(name), { recursive: true });
    work(at(name));
  };
  change('no-network', folder => rmSync(join(folder, 'model.onnx')));
  change('changed', folder => writeFileSync(join(folder, 'model.onnx'), 'x', { flag: 'a' }));
  change('newer', folder => {
    const path = join(folder, 'eyeball.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"schemaVersion": 1', '"schemaVersion": 2'));
  });
});

/** Cases in which a file is a pipe that is never written to. */
const pipes: typeof cases = [
  ['DATA that is a pipe', () => ['inspect', pipe()], 1, /pipe: expected .*, got neither a file nor a folder/],
  [
    'decisions that is a pipe',
    () => ['inspect', at('good'), '--decisions', pipe()],
    1,
    /pipe: expected a table that can be read, got a pipe/,
  ],
  [
    'weights that is a pipe',
    () => train(at('good'), '--weights', pipe()),
    1,
    /pipe: expected a file of weights, got a pipe/,
  ],
  [
    'a backbone that is a pipe',
    () => ['train', at('good'), '--out', at('new'), '--backbone', pipe('x.onnx')],
    1,
    /x\.onnx: expected an ONNX file, got "a pipe"/,
  ],
  [
    '--csv that is a pipe',
    () => ['predict', at('model'), at('good'), '--csv', pipe()],
    1,
    /pipe: expected a file that can be written, got "a pipe"/,
  ],
  [
    '--out that is a pipe',
    () => ['clean', at('good'), '--out', pipe('x.csv')],
    1,
    /x\.csv: expected a file, got "a pipe"/,
  ],
  ...['eyeball.json', 'model.onnx'].map((name): (typeof cases)[number] => [
    `${name} that is a pipe`,
    () => ['predict', modelWithPipe(name), at('good')],
    1,
    new RegExp(`${name}: expected a file of the model, got "a pipe"`),
  ]),
  [
    'events.jsonl that is a pipe',
    () => ['evaluate', modelWithPipe('events.jsonl'), at('good')],
    1,
    /events\.jsonl: expected a file of the model, got "a pipe"/,
  ],
  [
    'metrics.json that is a pipe',
    () => ['compare', at('model'), modelWithPipe('../measured-evaluation/metrics.json', 'measured')],
    1,
    /metrics\.json: expected the results of npx eyeball-ml evaluate, got "a pipe"/,
  ],
];

let made = 0;

function pipe(name = 'pipe'): string {
  const path = at(`${made++}`, name);
  mkdirSync(dirname(path));
  execFileSync('mkfifo', [path]);
  return path;
}

function modelWithPipe(name: string, model = `${made++}`): string {
  const folder = at(model);
  cpSync(at('model'), folder, { recursive: true });
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  rmSync(join(folder, name), { force: true });
  execFileSync('mkfifo', [join(folder, name)]);
  return folder;
}

/** The fault, the arguments, the exit code and the line on stderr. */
const cases: [what: string, args: () => string[], code: number, line: RegExp][] = [
  ['a missing folder', () => train(at('nowhere')), 1, /nowhere: expected .*got/],
  ['an empty folder', () => train(at('empty')), 1, /empty: expected .*got/],
  ['a folder whose name is no number', () => train(at('words')), 1, /words.*old.*number/],
  ['the folder above the data', () => train(at('nested')), 1, /nested.*train/],
  ['a bad row', () => train(at('bad.csv')), 1, /bad\.csv:3: expected a finite number in "age", got "n\/a"/],
  [
    'a label that is not finite',
    () => train(at('infinite.csv')),
    1,
    /infinite\.csv:3: expected a finite number in "age", got "Infinity"/,
  ],
  [
    'only broken images',
    () => train(at('broken')),
    1,
    /broken: expected at least one image that can be read, got none of 1; 7.x\.jpg: expected a photo/,
  ],
  [
    'an unwritable output',
    () => ['train', at('good'), '--out', at('bad.csv', 'm'), ...TINY],
    1,
    /bad\.csv.m: expected a folder that can be written/,
  ],
  [
    'a step that is too large',
    () => train(at('good'), '--solver', 'adam', '--lr', '1e30', '--epochs', '9'),
    1,
    /epoch \d of 9, (step \d+|validation): expected (a finite loss|finite predictions), got \w+; try a lower --lr than 1e\+30/,
  ],
  [
    'only broken images to evaluate',
    () => ['evaluate', at('model'), at('broken')],
    1,
    /broken: expected at least one image that can be read, got none of 1; 7.x\.jpg: expected a photo/,
  ],
  [
    'results inside the model',
    () => ['evaluate', at('model'), at('good'), '--out', at('model', 'results')],
    1,
    /results: expected a folder apart from the model, got one that shares files with/,
  ],
  [
    'a hub that cannot be reached',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'resnet50', '--cache', at('cache')],
    1,
    /timm\/resnet50\.tv_in1k: expected .*http:\/\/127\.0\.0\.1:9.*--weights FILE, or use --backbone face/,
  ],
  [
    'a spread of 0',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'x.onnx', '--std', '0,1,1'],
    2,
    /--std: expected numbers above 0, got 0,1,1/,
  ],
  [
    'the data as output',
    () => ['evaluate', at('model'), at('good'), '--out', at('good'), '--force'],
    1,
    /good: expected a folder apart from the data/,
  ],
  [
    'the folder above the model as output',
    () => ['evaluate', at('model'), at('good'), '--out', root, '--force'],
    1,
    /expected a folder apart from the model/,
  ],
  ['an unwritable cache', () => train(at('good'), '--cache', at('bad.csv')), 1, /bad\.csv.*--cache/],
  [
    'a weight file that is none',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'resnet18', '--weights', at('bad.csv')],
    1,
    /bad\.csv: expected .*got/,
  ],
  [
    'weights that are missing',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'resnet18', '--weights', at('no.pth')],
    1,
    /no\.pth: expected .*got/,
  ],
  [
    'an artefact without its network',
    () => ['predict', at('no-network'), at('good')],
    1,
    /no-network.model\.onnx: expected a file of the model/,
  ],
  [
    'an artefact that was changed',
    () => ['evaluate', at('changed'), at('good')],
    1,
    /changed.model\.onnx: expected the checksum/,
  ],
  [
    'an artefact of a newer eyeball',
    () => ['predict', at('newer'), at('good')],
    1,
    /newer.eyeball\.json: expected schema version 1 or older, got 2; update eyeball-ml/,
  ],
  [
    'a model that is none',
    () => ['predict', at('nowhere'), at('good')],
    1,
    /nowhere: expected the folder of a model, got none/,
  ],
  [
    'model and data in the wrong order',
    () => ['evaluate', at('good'), at('model')],
    2,
    /model is the model: expected MODEL DATA, got DATA MODEL; swap them/,
  ],
  [
    'model and images in the wrong order',
    () => ['predict', at('good'), at('model')],
    2,
    /model is the model: expected MODEL IMAGE, got IMAGE MODEL; swap them/,
  ],
  [
    'a folder of images as the model',
    () => ['predict', at('good'), at('good')],
    1,
    /good: expected the folder of a model, got one without eyeball\.json; make one with npx eyeball-ml train/,
  ],
  [
    'an empty folder to predict',
    () => ['predict', at('model'), at('empty')],
    1,
    /empty: expected images, got an empty folder/,
  ],
  ['an unknown option', () => train(at('good'), '--frobnicate'), 2, /unknown option '--frobnicate'/],
  ['an unknown command', () => ['frobnicate'], 2, /unknown command 'frobnicate'/],
  ['no output', () => ['train', at('good')], 2, /required option '--out <dir>' not specified/],
  ['a misspelled output', () => ['train', at('good'), '--outt', at('x')], 2, /'--outt'[\s\S]*Did you mean --out\?/],
  ['no page', () => ['export', at('good'), '--webb', at('x')], 2, /'--webb'[\s\S]*Did you mean --web\?/],
  [
    'steps for ridge',
    () => train(at('good'), '--solver', 'ridge', '--epochs', '3'),
    2,
    /--epochs has no effect on a head fitted by ridge; remove it, or add --head mlp or --solver adam/,
  ],
  [
    'augmentation of a frozen backbone',
    () => train(at('good'), '--augment', 'face'),
    2,
    /--augment has no effect on a frozen backbone, whose features are cached; add --tune last or --tune all, or take --augment flip/,
  ],
  [
    'an unknown augmentation',
    () => train(at('good'), '--tune', 'all', '--augment', 'x'),
    2,
    /--augment.*none, flip, face, photo/,
  ],
  [
    'two learning rates',
    () => train(at('good'), '--tune', 'last', '--lr', '0.1', '--find-lr'),
    2,
    /--lr has no effect with --find-lr, which searches for it; remove one of them/,
  ],
  [
    'a stage that is not there',
    () => train(at('good'), '--unfreeze', 'layer5'),
    2,
    /--unfreeze: expected stem, layer1, layer2, layer3, layer4, got "layer5"/,
  ],
  [
    'checkpoints of a frozen backbone',
    () => train(at('good'), '--checkpoint-every', '0'),
    2,
    /--checkpoint-every has no effect on a frozen backbone; add --tune last or --tune all/,
  ],
  [
    'a share of a stage above 1',
    () => train(at('good'), '--tune', 'last', '--rate-decay', '2'),
    2,
    /--rate-decay: expected a share above 0, up to 1, got 2/,
  ],
  [
    'a run that did not end',
    () => ['train', at('good'), '--out', at('unfinished'), ...TINY, '--cache', at('cache')],
    1,
    /unfinished\.checkpoint\.safetensors: expected no unfinished run, got its checkpoint; go on with --resume, or start over with --force/,
  ],
  [
    'a checkpoint that is none',
    () => [
      'train',
      at('good'),
      '--out',
      at('unfinished'),
      ...TINY,
      '--cache',
      at('cache'),
      '--tune',
      'last',
      '--head',
      'linear',
      '--resume',
    ],
    1,
    /unfinished\.checkpoint\.safetensors: expected a checkpoint of eyeball, got ".*"; remove it to train from the start/,
  ],
  ['an unknown solver', () => train(at('good'), '--solver', 'magic'), 2, /--solver.*ridge, adam/],
  [
    'an unknown backbone',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'vgg'],
    2,
    /--backbone: expected auto, face, objects, a network that .* lists,.*got "vgg"; the nearest name is /,
  ],
  [
    'a learning rate of 0',
    () => train(at('good'), '--solver', 'adam', '--lr', '0'),
    2,
    /--lr: expected a number above 0, got 0/,
  ],
  ['a share of 1', () => train(at('good'), '--val', '1'), 2, /--val/],
  [
    'a size for face',
    () => ['train', at('good'), '--out', at('new'), '--backbone', 'face', '--size', '64'],
    2,
    /--size has no effect on the backbone "face", which takes images of 224 px; remove it/,
  ],
];

const isWindows = process.platform === 'win32';

describe('bad input', () => {
  for (const [what, args, code, line] of [...cases, ...(isWindows ? [] : pipes)]) {
    it(`${what}: exits with ${code} and one line on stderr`, async () => {
      const given = args();
      const quiet = given[0] === 'compare' ? [] : ['--quiet'];
      const outcome = await eyeball(...given, ...(code === 1 ? ['--json', ...quiet] : []));
      assert.equal(outcome.code, code, outcome.stderr);
      assert.equal(outcome.stdout, '');
      assert.match(outcome.stderr, line);
      // After wrong usage a second line may refer to --help.
      const lines = outcome.stderr.trimEnd().split('\n');
      if (code === 1) assert.equal(lines.length, 1, outcome.stderr);
      assert.match(lines[0]!, /^eyeball: /);
      assert.doesNotMatch(outcome.stderr, /\n {4}at /);
    });
  }
});
