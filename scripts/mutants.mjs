// Mutation tests: changes one operator, comparison, condition or constant at a time, runs the tests of the changed module, and prints the
// changes that no test notices ("survivors"). Changes that cannot make a difference are listed in mutants-equivalent.json with the reason.
//   npm run mutants                        all of MODULES; hours
//   npm run mutants -- metrics split       modules whose path contains one of the arguments
//   npm run mutants -- bins.ts:15          the changes of one line
//   npm run mutants -- metrics --list      the changes, without running them
// Exits with 1 at a survivor, and at an entry of the list that is not a change any more.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { parseSync } from 'vite';

/** Files and folders whose tests are measured. */
const MODULES = [
  'src/metrics',
  'src/uncertainty',
  'src/training/ridge.ts',
  'src/datasets/split.ts',
  'src/formats',
  'src/base/output-folder.ts',
];
const EQUIVALENT = fileURLToPath(new URL('mutants-equivalent.json', import.meta.url));

/** What each operator becomes. */
const OPERATORS = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
  '??': '&&',
  '+=': '-=',
  '-=': '+=',
  '++': '--',
  '--': '++',
};
const METHODS = {
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  some: 'every',
  every: 'some',
  find: 'findLast',
};

/** Tolerances become 0. */
const otherNumber = value => (value === 0 ? '1' : value === 1 ? '2' : value < 1e-6 ? '0' : `${value} * 1.1`);

/** All changes of one source. */
function mutantsOf(path, source) {
  const found = [];
  const put = (start, end, text) => {
    const line = source.slice(0, start).split('\n').length;
    const change = `${source.slice(start, end)} -> ${text}`;
    found.push({
      path,
      changed: source.slice(0, start) + text + source.slice(end),
      line,
      change,
      code: source.split('\n')[line - 1].trim(),
    });
  };
  /** The operator between two operands. */
  const between = (left, right, operator) => {
    const at = source.indexOf(operator, left.end);
    if (at === -1 || at >= right.start) throw new Error(`${path}: no ${operator} at ${left.end}`);
    if (operator in OPERATORS) put(at, at + operator.length, OPERATORS[operator]);
  };
  const condition = ({ start, end, type }) => {
    if (type === 'Literal') return;
    put(start, end, 'true');
    put(start, end, 'false');
  };
  const visitors = {
    BinaryExpression: ({ left, right, operator }) => between(left, right, operator),
    LogicalExpression: ({ left, right, operator }) => between(left, right, operator),
    AssignmentExpression: ({ left, right, operator }) => operator !== '=' && between(left, right, operator),
    UpdateExpression({ start, end, argument, prefix, operator }) {
      const [from, to] = prefix ? [start, argument.start] : [argument.end, end];
      put(from, to, OPERATORS[operator]);
    },
    UnaryExpression({ start, argument, operator }) {
      if (operator === '-' || operator === '!') put(start, argument.start, '');
    },
    ConditionalExpression: ({ test }) => condition(test),
    IfStatement: ({ test }) => condition(test),
    WhileStatement: ({ test }) => put(test.start, test.end, 'false'),
    Literal({ start, end, value }) {
      if (typeof value === 'number') put(start, end, `(${otherNumber(value)})`);
      if (typeof value === 'boolean') put(start, end, `${!value}`);
    },
    MemberExpression({ property, computed }) {
      const other = computed ? undefined : METHODS[property.name];
      if (other !== undefined) put(property.start, property.end, other);
    },
  };
  walk(parseSync(path, source).program, visitors);
  return found;
}

/** Calls the visitor of each node; types, imports and texts of errors have none. */
function walk(node, visitors) {
  if (Array.isArray(node)) for (const each of node) walk(each, visitors);
  if (typeof node?.type !== 'string') return;
  if (/^(TS(?!AsExpression|NonNull|Satisfies)|Import|Export(All|Specifier))/.test(node.type)) return;
  if (node.type === 'NewExpression' && /Error$/.test(node.callee.name)) return;
  visitors[node.type]?.(node);
  // The step of a for loop backwards would be endless.
  const skipped = [
    'typeAnnotation',
    'typeArguments',
    'returnType',
    ...(node.type === 'ForStatement' ? ['update'] : []),
  ];
  for (const [key, child] of Object.entries(node)) if (!skipped.includes(key)) walk(child, visitors);
}

const filesOf = path =>
  path.endsWith('.ts') ? [path] : readdirSync(path).flatMap(name => (name.endsWith('.ts') ? [join(path, name)] : []));

const tests = readdirSync('test', { recursive: true })
  .filter(name => name.endsWith('.test.ts') && !name.endsWith('.slow.test.ts'))
  .map(name => ({ name, source: readFileSync(join('test', name), 'utf8') }));

/** The quick tests of a module: that of its own name, and those in its room that import it; else those anywhere. */
function testsOf(path) {
  const module = relative('src', path).replace(/\.ts$/, '');
  const importing = tests.filter(
    ({ name, source }) => name === `${module}.test.ts` || source.includes(`/src/${module}.js'`),
  );
  const near = importing.filter(({ name }) => name.split('/')[0] === module.split('/')[0]);
  return (near.length > 0 ? near : importing).map(({ name }) => name.replace(/\.ts$/, '.js'));
}

/** Runs tests in a copy of the compiled code. Resolves to whether all passed in time. */
function passes(folder, files, timeoutMs) {
  const code = `for (const file of ${JSON.stringify(files)}) await import(${JSON.stringify(`file://${folder}/test/`)} + file);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: 'ignore',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  return new Promise(resolve => {
    child.on('close', status => resolve(status === 0));
  });
}

const given = process.argv.slice(2);
const wanted = given.filter(arg => !arg.startsWith('--'));
const paths = MODULES.flatMap(filesOf).filter(
  path => wanted.length === 0 || wanted.some(part => path.includes(part.split(':')[0])),
);
if (paths.length === 0) throw new Error(`no module matches ${wanted.join(' ')}; they are in ${MODULES.join(', ')}`);
const listed = JSON.parse(readFileSync(EQUIVALENT, 'utf8')).filter(({ path }) => paths.includes(path));
const isListed = mutant =>
  listed.find(({ path, code, change }) => path === mutant.path && code === mutant.code && change === mutant.change);
const stale = new Set(listed);
const lines = wanted.filter(part => part.includes(':'));
const isMeant = ({ path, line }) => lines.length === 0 || lines.some(part => `${path}:${line}`.endsWith(part));
const mutants = paths.flatMap(path => mutantsOf(path, readFileSync(path, 'utf8')));
const queue = mutants.filter(mutant => {
  const entry = isListed(mutant);
  stale.delete(entry);
  return entry === undefined && isMeant(mutant);
});
const tried = queue.length;
if (given.includes('--list')) for (const { path, line, change } of queue) console.log(`${path}:${line}  ${change}`);
const survivors = given.includes('--list') ? [] : await runAll();
for (const { path, code, change } of stale)
  console.log(`${relative('.', EQUIVALENT)}: no change "${change}" of "${code}" in ${path}; remove the entry`);
console.log(
  `${tried} changes tried, ${survivors.length} survived; ${listed.length - stale.size} entries for equivalent ones`,
);
if (survivors.length + stale.size > 0) process.exitCode = 1;

async function runAll() {
  if (!existsSync('dist/test')) throw new Error('no compiled tests; run npm run build first');
  const survivors = [];
  const baselines = new Map();
  const worker = async () => {
    // Below the repository, so that packages are found.
    const folder = mkdtempSync(join(process.cwd(), '.dist-mutants-'));
    try {
      for (const part of ['src', 'test', 'bench']) cpSync(join('dist', part), join(folder, part), { recursive: true });
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        if (await survives(mutant, folder, baselines)) {
          survivors.push(mutant);
          console.log(`survived: ${mutant.path}:${mutant.line}  ${mutant.change}  in  ${mutant.code}`);
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return survivors;
}

async function survives({ path, changed }, folder, baselines) {
  const files = testsOf(path);
  if (files.length === 0) return true;
  const compiled = join(folder, path.replace(/\.ts$/, '.js'));
  const before = readFileSync(compiled);
  if (!baselines.has(path)) {
    const started = performance.now();
    if (await passes(folder, files, 300_000)) baselines.set(path, performance.now() - started);
    else {
      console.log(`${path}: its tests fail without a change: ${files.join(' ')}`);
      process.exitCode = 1;
      baselines.set(path, undefined);
    }
  }
  if (baselines.get(path) === undefined) return false;
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
  const { code } = await transform(changed, { loader: 'ts', target: 'es2023', tsconfigRaw, logLevel: 'silent' });
  writeFileSync(compiled, code);
  // A change that makes a loop endless is noticed by the time.
  const survived = await passes(folder, files, Math.round(5000 + 5 * baselines.get(path)));
  writeFileSync(compiled, before);
  return survived;
}
