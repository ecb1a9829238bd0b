// The package as a user gets it: packs the clone, installs the tarball in an empty folder on a machine with a CUDA compiler, compiles
// README's example in TypeScript there under `strict` without Node's types, and runs it twice. Runs the demo without a network, and
// `export` without and with onnxruntime-web. Needs the npm registry and a build.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { generatePortraits } from '../dist/src/demo/portraits/generate-portraits.js';

const clone = process.cwd();
const root = mkdtempSync(join(tmpdir(), 'eyeball-package-'));
const project = join(root, 'project');

/** A program's output, the errors too; throws with it where the program fails. */
function run(command, args, { cwd = project, env = {} } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stdout + stderr}`);
  return stdout + stderr;
}

/** A folder for PATH with an nvcc that says it is CUDA 12. */
function fakeNvcc() {
  const folder = join(root, 'cuda');
  mkdirSync(folder);
  writeFileSync(join(folder, 'nvcc'), '#!/bin/sh\necho "Cuda compilation tools, release 12.4, V12.4.99"\n');
  chmodSync(join(folder, 'nvcc'), 0o755);
  return folder;
}

function checkSize(text, most) {
  const lines = text.trim().split('\n').length;
  if (lines > most) throw new Error(`README's example: expected at most ${most} lines, got ${lines}:\n${text}`);
}

function checkRefused(args, text) {
  const { status, stderr } = spawnSync('npx', args, { cwd: project, encoding: 'utf8' });
  if (status !== 1 || !stderr.includes(text)) throw new Error(`${args.join(' ')}: status ${status}: ${stderr}`);
}

try {
  mkdirSync(project);
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', root], { cwd: clone });
  const packed = readdirSync(root).find(name => name.endsWith('.tgz'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }\n');
  const env = { PATH: `${fakeNvcc()}${delimiter}${process.env.PATH}`, npm_config_onnxruntime_node_install: undefined };
  run('npm', ['install', '--no-audit', '--no-fund', join(root, packed)], { env });
  console.log(run('npx', ['eyeball-ml', '--version']).trim());

  const example = /```ts\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))[1];
  writeFileSync(join(project, 'main.ts'), example);
  const compilerOptions = { strict: true, target: 'ES2023', module: 'NodeNext', types: [] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', '.']);

  const { test } = await generatePortraits({ out: join(project, 'faces'), images: 60, seed: 1 });
  const [age] = readdirSync(test);
  copyFileSync(join(test, age, readdirSync(join(test, age))[0]), join(project, 'photo.jpg'));
  const home = { HOME: root, XDG_CACHE_HOME: undefined };
  for (const _ of ['first', 'second']) checkSize(run(process.execPath, ['main.js'], { env: home }), 40);

  const offline = {
    ...home,
    npm_config_offline: 'true',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    HF_ENDPOINT: 'http://127.0.0.1:9',
  };
  run('npx', ['eyeball-ml', 'demo', '--images', '60', '--quiet'], { env: offline });

  const thrown =
    "import('eyeball-ml').then(({ loadModel }) => loadModel('none')).catch(({ stack }) => console.log(stack))";
  const stack = run(process.execPath, ['--enable-source-maps', '-e', thrown]);
  if (!/src\/model\/\w[\w-]*\.ts:\d+/.test(stack)) throw new Error(`a stack trace leads to no source:\n${stack}`);

  const exported = ['eyeball-ml', 'export', 'model', '--web', 'page'];
  checkRefused(exported, 'run npm install onnxruntime-web@1.30.0');
  run('npm', ['install', '--no-audit', '--no-fund', 'onnxruntime-web@1.30.0'], { env });
  run('npx', exported);
  console.log('the package installs, compiles, runs and exports');
} finally {
  rmSync(root, { recursive: true, force: true });
}
