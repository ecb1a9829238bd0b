import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { describe, it } from 'node:test';

// The import rule of ARCHITECTURE.md, read from its list of folders: a folder imports only from folders above it there.

/** The folders of src in the order of ARCHITECTURE.md, sub-folders of engine included. */
function orderOfFolders(text: string): string[] {
  const block = /```\nsrc\/\n([\s\S]*?)```/.exec(text)?.[1];
  assert.ok(block, 'ARCHITECTURE.md has a list of folders that starts with src/');
  const folders: string[] = [];
  let parent = '';
  for (const line of block.split('\n')) {
    const entry = /^( +)([\w-]+)\/ /.exec(line);
    if (entry === null) continue;
    if (entry[1]!.length === 2) parent = entry[2]!;
    folders.push(entry[1]!.length === 2 ? parent : `${parent}/${entry[2]}`);
  }
  return folders;
}

interface Import {
  readonly file: string;
  readonly specifier: string;
}

/** Every import and re-export of the TypeScript files below `folder`, dynamic imports included. */
function importsBelow(folder: string): Import[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name));
  return files.flatMap(name => {
    const text = readFileSync(join(folder, name), 'utf8');
    const found = text.matchAll(/(?:^(?:import|export)\s[^;'"]*?from\s+|\bimport\(|^import\s+)'([^']+)'/gm);
    return [...found].map(match => ({ file: join(folder, name), specifier: match[1]! }));
  });
}

/** The faults of these imports against the order, a line each. The `index.ts` of a folder exports from all of it, and nothing imports it. */
function faults(imports: readonly Import[], order: readonly string[]): string[] {
  const folderOf = (path: string) => {
    const parts = relative('src', path).split(sep).slice(0, -1);
    const deep = parts.slice(0, 2).join('/');
    return order.includes(deep) ? deep : (parts[0] ?? '');
  };
  return imports.flatMap(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return [];
    const from = folderOf(file);
    const to = folderOf(join(dirname(file), specifier));
    if (basename(specifier) === 'index.js') return [`${file}: imports ${specifier}, which is for users`];
    if (from === to || from === '') return [];
    if (basename(file) === 'index.ts' && to.startsWith(`${from}/`)) return [];
    if (!order.includes(from)) return [`${file}: ${from} is not in the list of folders`];
    if (from.startsWith(`${to}/`) || order.indexOf(to) < order.indexOf(from)) return [];
    return [`${file}: ${from} imports ${specifier}, which is not above it`];
  });
}

/** A circle of imports, `a -> b -> a`, for each file that starts one; type-only imports count. Empty if and only if there are none. */
function circles(imports: readonly Import[]): string[] {
  const stem = (path: string) => path.replace(/\.[jt]sx?$/, '');
  const targets = new Map<string, string[]>();
  for (const { file, specifier } of imports) {
    if (!specifier.startsWith('.')) continue;
    targets.set(stem(file), [...(targets.get(stem(file)) ?? []), stem(join(dirname(file), specifier))]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!done.has(file)) {
      for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of targets.keys()) visit(file, []);
  return found;
}

/** Packages that few folders may import, so that they can be exchanged in one place. */
const owners: Readonly<Record<string, string | readonly string[]>> = {
  sharp: ['src/images', 'src/demo/portraits'],
  'onnxruntime-node': 'src/engine/runtime',
  'onnxruntime-web': 'src/web',
  'onnxruntime-web/wasm': 'src/web',
  'onnxruntime-web/webgpu': 'src/web',
  '@observablehq/plot': 'src/report',
  linkedom: 'src/report',
  'prom-client': 'src/serving',
  commander: 'src/cli',
  '@hono/node-server': 'src/cli',
  'cli-progress': 'src/cli',
};

describe('imports', () => {
  const order = orderOfFolders(readFileSync('ARCHITECTURE.md', 'utf8'));
  const imports = importsBelow('src');

  it('go upwards in the order of ARCHITECTURE.md', () => {
    assert.deepEqual(faults(imports, order), []);
  });

  it('fail if one goes downwards', () => {
    const downwards = [
      { file: join('src', 'engine', 'onnx', 'wire.ts'), specifier: '../graph/graph.js' },
      { file: join('src', 'images', 'image.ts'), specifier: '../cli/run.js' },
      { file: join('src', 'engine', 'tensor.ts'), specifier: './graph/graph.js' },
      { file: join('src', 'engine', 'index.ts'), specifier: '../images/image.js' },
      { file: join('src', 'images', 'image.ts'), specifier: '../engine/index.js' },
    ];
    assert.equal(faults(downwards, order).length, downwards.length);
    const found = importsBelow('src').filter(({ file }) => file === join('src', 'engine', 'graph', 'graph.ts'));
    assert.ok(found.some(({ specifier }) => specifier === './ops.js'));
  });

  it('make no circles, neither directly nor through other files', () => {
    assert.deepEqual(circles([...imports, ...importsBelow('studio')]), []);
  });

  it('fail if they make a circle', () => {
    const [a, b, c] = ['a.ts', 'b.ts', 'c.tsx'].map(name => join('src', 'images', name)) as [string, string, string];
    const chain = [
      { file: a, specifier: './b.js' },
      { file: a, specifier: './c.js' },
      { file: b, specifier: './c.js' },
    ];
    assert.deepEqual(circles(chain), []);
    const stem = (path: string) => path.replace(/\.tsx?$/, '');
    assert.deepEqual(circles([...chain, { file: c, specifier: './a.js' }]), [[a, b, c, a].map(stem).join(' -> ')]);
  });

  it('of a package with owners are in the folders of these only', () => {
    const strangers = imports.filter(({ file, specifier }) => {
      const owner = owners[specifier];
      return owner !== undefined && ![owner].flat().some(folder => file.startsWith(folder + sep));
    });
    assert.deepEqual(strangers, []);
    for (const name of Object.keys(owners))
      assert.ok(
        imports.some(({ specifier }) => specifier === name),
        `${name} is used`,
      );
  });

  it('of the engine are its own, base/ and the runtime, so that it can be used alone', () => {
    const own = importsBelow(join('src', 'engine'));
    const outside = own.filter(({ file, specifier }) => {
      if (!specifier.startsWith('.')) return !specifier.startsWith('node:');
      return !['engine', 'base'].includes(relative('src', join(dirname(file), specifier)).split(sep)[0]!);
    });
    assert.deepEqual([...new Set(outside.map(({ specifier }) => specifier))], ['onnxruntime-node']);
    const base = importsBelow(join('src', 'base')).filter(({ specifier }) => !/^(\.|node:)/.test(specifier));
    assert.deepEqual(base, []);
  });

  /** What the files of `starts` need, directly or through others: files of ours, node modules and packages. */
  function needs(starts: readonly string[], all: readonly Import[]): Set<string> {
    const found = new Set(starts);
    // A set is walked in the order of its entries, those that are added on the way included.
    for (const file of found) {
      for (const { specifier } of all.filter(entry => entry.file === file))
        found.add(specifier.startsWith('.') ? join(dirname(file), specifier).replace(/\.js$/, '.ts') : specifier);
    }
    return found;
  }
  const outsideBrowsers = (found: Iterable<string>) =>
    [...found].filter(
      name => !name.endsWith('.ts') && !['zod', 'onnxruntime-web', 'file-type'].includes(name.split('/')[0]!),
    );

  it('of src/web lead to nothing that a browser lacks, also indirectly', () => {
    const files = readdirSync(join('src', 'web'), { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.ts'),
    );
    const found = needs(
      files.map(name => join('src', 'web', name)),
      imports,
    );
    assert.ok(found.has(join('src', 'uncertainty', 'predict-uncertainty.ts')));
    assert.deepEqual(outsideBrowsers(found), []);
  });

  it('of formats and of the studio lead to nothing that a browser lacks', () => {
    const formats = imports.filter(({ file }) => file.startsWith(join('src', 'formats') + sep));
    assert.deepEqual(
      [...new Set(formats.map(({ specifier }) => specifier).filter(name => !name.startsWith('.')))],
      ['zod'],
    );
    const pages = importsBelow('studio').filter(({ specifier }) => specifier.includes('/src/'));
    const shared = pages.map(({ file, specifier }) => join(dirname(file), specifier).replace(/\.js$/, '.ts'));
    assert.ok(shared.includes(join('src', 'formats', 'studio-protocol.ts')));
    const files = formats.map(({ file }) => file);
    assert.deepEqual(outsideBrowsers(needs([...files, ...shared], imports)), []);
  });

  it('of src/web fail if an indirect import needs Node', () => {
    const [start, through] = [join('src', 'web', 'a.ts'), join('src', 'images', 'b.ts')];
    const found = needs(
      [start],
      [
        { file: start, specifier: '../images/b.js' },
        { file: through, specifier: 'node:fs' },
        { file: through, specifier: 'sharp' },
      ],
    );
    assert.deepEqual(outsideBrowsers(found), ['node:fs', 'sharp']);
  });

  it('name only packages that package.json depends on', () => {
    const manifest: Record<'dependencies' | 'peerDependencies', Record<string, string>> = JSON.parse(
      readFileSync('package.json', 'utf8'),
    );
    const dependencies = { ...manifest.dependencies, ...manifest.peerDependencies };
    const used = new Set(
      imports.map(({ specifier }) => specifier).filter(name => !name.startsWith('.') && !name.startsWith('node:')),
    );
    const packages = new Set(
      [...used].map(name =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
    );
    assert.deepEqual(
      [...packages].filter(name => dependencies[name] === undefined),
      [],
    );
    const byPath = ['@cornerstonejs/codec-libjpeg-turbo-8bit', 'dejavu-fonts-ttf'];
    assert.deepEqual(
      Object.keys(dependencies).filter(name => !packages.has(name) && !byPath.includes(name)),
      [],
    );
    const architecture = readFileSync('ARCHITECTURE.md', 'utf8');
    for (const name of Object.keys(dependencies))
      assert.ok(architecture.includes(`\`${name}\``), `${name} has a line in ARCHITECTURE.md`);
  });
});

describe('the code', () => {
  it('spreads no array into the arguments of push, which fails from some 120,000 elements on', () => {
    const files = ['src', 'studio'].flatMap(folder =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)),
    );
    const spread = /\.(?:push|unshift)\(\s*\.\.\./;
    assert.deepEqual(
      files.filter(name => /\.tsx?$/.test(name) && spread.test(readFileSync(name, 'utf8'))),
      [],
    );
    assert.match('below.push(...content.folders)', spread);
  });

  it('reads files that users name by base/files, which waits for no pipe', () => {
    // What these read is eyeball's own: the cache, packages, the build, what Linux tells; and images that may be pipes, with a time limit.
    const own = [
      'base/(environment|files|process-mark)',
      'backbones/(face-detector|weights/(file|hub|part))',
      'engine/runtime/(gpus|vnni)',
      'features/(feature-cache|segments)',
      'images/(read-source|small-jpeg)',
      'serving/static-pages',
      'verbs/(export-web|manage-cache)',
    ];
    const isOwn = new RegExp(`^(${own.join('|')})\\.ts$`);
    const reads = /import \{[^}]*\b(readFile|readFileSync|createReadStream)\b[^}]*\} from 'node:fs/;
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).map(name => name.replaceAll('\\', '/'));
    assert.deepEqual(
      files.filter(
        name => name.endsWith('.ts') && !isOwn.test(name) && reads.test(readFileSync(join('src', name), 'utf8')),
      ),
      [],
    );
  });

  it('says in the first line of each slow test why it is slow', () => {
    const slow = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.slow.test.ts'),
    );
    assert.ok(slow.length > 0);
    const silent = slow.filter(name => !/^\/\/ Slow: \S.{10,}\.\n/.test(readFileSync(join('test', name), 'utf8')));
    assert.deepEqual(silent, []);
  });
});
