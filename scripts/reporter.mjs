// A reporter for node:test: a line a file, then each failure in full with the command that runs its file alone, then the totals.
import { inspect } from 'node:util';

/** Suites and tests that only repeat what their subtests report. */
const repeats = error => error?.failureType === 'subtestsFailed';

const partOf = file => file.replace(/^.*\/dist\/test\//, '').replace(/\.js$/, '');

/** What one test file came to so far. */
function emptyFile(file) {
  return { file, passed: 0, failed: 0, skipped: 0, ms: 0, names: [], failures: [], output: '' };
}

function lineOf({ file, passed, failed, skipped, ms }) {
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  const mark = failed > 0 ? 'FAIL' : 'ok  ';
  return `${mark} ${partOf(file)}: ${counts.filter(Boolean).join(', ')}, ${(ms / 1000).toFixed(1)} s\n`;
}

function failureText({ name, error }, { file }) {
  const thrown = error?.cause ?? error;
  const text = thrown instanceof Error || typeof thrown !== 'string' ? inspect(thrown) : thrown;
  return `\n${name}\n  ${file}\n  run it alone: node scripts/test.mjs ${partOf(file)}\n\n${text.replace(/^/gm, '    ')}\n`;
}

/** Adds an event to the file that it is about. */
function take(of, type, { name, nesting, skip, details }) {
  if (type === 'test:start') {
    of.names.length = nesting;
    of.names[nesting] = name;
    return;
  }
  if (nesting === 0) of.ms += details?.duration_ms ?? 0;
  if (type === 'test:fail') {
    if (repeats(details.error)) return;
    of.failed++;
    of.failures.push({ name: [...of.names.slice(0, nesting), name].join(' > '), error: details.error });
  } else if (details?.type !== 'suite') of[skip === undefined ? 'passed' : 'skipped']++;
}

export default async function* report(events) {
  const files = new Map();
  let last;
  for await (const { type, data } of events) {
    if (data?.file === undefined) continue;
    if (!files.has(data.file)) files.set(data.file, emptyFile(data.file));
    const of = files.get(data.file);
    if (type === 'test:stdout' || type === 'test:stderr') of.output += data.message;
    if (type !== 'test:start' && type !== 'test:pass' && type !== 'test:fail') continue;
    // All events of a file come before those of the next.
    if (last !== undefined && last !== of) yield lineOf(last);
    last = of;
    take(of, type, data);
  }
  if (last !== undefined) yield lineOf(last);
  const all = [...files.values()];
  for (const of of all.filter(({ failed }) => failed > 0)) {
    for (const failure of of.failures) yield failureText(failure, of);
    if (of.output !== '') yield `\n  what ${partOf(of.file)} printed:\n${of.output.replace(/^/gm, '    ')}\n`;
  }
  const sum = key => all.reduce((total, of) => total + of[key], 0);
  yield `\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`;
}
