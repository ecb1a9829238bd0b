import { Command, InvalidArgumentError } from 'commander';
import type { CacheEntry, CacheListing, PruneResult } from '../verbs/manage-cache.js';
import { JSON_HELP } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags {
  readonly cache?: string;
  readonly prune?: boolean;
  readonly olderThan?: number;
  readonly maxSize?: number;
  readonly json?: boolean;
}

export function cacheCommand(terminal: Terminal): Command {
  return new Command('cache')
    .description(
      'List the cache: features by backbone, image facts, cropped faces, downloaded weights. With --prune, remove entries; all of them can be computed or downloaded again.',
    )
    .option('--prune', 'remove entries by --older-than, --max-size or both')
    .option(
      '--older-than <time>',
      'with --prune: remove entries not used for this long, such as 12h, 30d or 8w',
      seconds,
    )
    .option(
      '--max-size <size>',
      'with --prune: remove the least recently used entries until this size is left, such as 500MB or 5GB',
      bytes,
    )
    .option('--cache <dir>', 'folder of the cache (default: ~/.cache/eyeball)')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml cache
  npx eyeball-ml cache --prune --older-than 30d
  npx eyeball-ml cache --prune --max-size 5GB
  npx eyeball-ml cache --prune --max-size 0   # remove all of it`,
    )
    .action(async ({ cache, prune, olderThan, maxSize, json }: Flags) => {
      const { listCache, pruneCache } = await import('../verbs/manage-cache.js');
      const { UsageError } = await import('../base/errors.js');
      if (prune && olderThan === undefined && maxSize === undefined)
        throw new UsageError('--prune needs a limit; add --older-than, --max-size or both');
      if (!prune && (olderThan !== undefined || maxSize !== undefined)) {
        const option = olderThan === undefined ? '--max-size' : '--older-than';
        throw new UsageError(`${option} has no effect without --prune; add it, or remove ${option}`);
      }
      if (prune) {
        const result = await pruneCache({ cacheDir: cache, olderThanSeconds: olderThan, maxBytes: maxSize });
        if (json) terminal.printJson(result);
        else terminal.print([...pruned(result), ...listed(result)].join('\n'));
      } else {
        const result = await listCache({ cacheDir: cache });
        if (json) terminal.printJson(result);
        else terminal.print(listed(result).join('\n'));
      }
    });
}

const SECONDS = { h: 3600, d: 24 * 3600, w: 7 * 24 * 3600 };
const BYTES = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function seconds(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\s*([hdw])$/i.exec(text) ?? [];
  if (unit === undefined) throw new InvalidArgumentError('Expected hours, days or weeks, such as 12h, 30d or 8w.');
  return Number(count) * SECONDS[unit.toLowerCase() as keyof typeof SECONDS];
}

function bytes(text: string): number {
  const [, count, unit = 'B'] = /^(\d+(?:\.\d+)?)\s*([KMGT]?B)?$/i.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('Expected a size, such as 500MB or 5GB.');
  return Number(count) * BYTES[unit.toUpperCase() as keyof typeof BYTES];
}

function pruned({ removed, removedBytes, inUse }: PruneResult): string[] {
  return [
    `removed ${removed.length} entries, ${size(removedBytes)}`,
    ...inUse.map(({ kind, name }) => `kept ${kind} ${name}: a process is writing it`),
  ];
}

function listed({ cacheDir, entries, bytes }: CacheListing): string[] {
  if (entries.length === 0) return [`${cacheDir}: empty`];
  const rows = [['kind', 'name', 'images', 'size', 'last used'], ...grouped(entries).map(cells)];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 2 || i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
  return [`${cacheDir}: ${size(bytes)}`, ...rows.map(row => `  ${line(row)}`.trimEnd())];
}

const cells = ({ kind, name, images, bytes, lastUsed }: CacheEntry): string[] => [
  kind,
  name,
  images === null ? '' : `${images}`,
  size(bytes),
  lastUsed.slice(0, 16).replace('T', ' '),
];

/** Merges the entries of kinds that consist of many small files. */
function grouped(entries: readonly CacheEntry[]): CacheEntry[] {
  return [...new Set(entries.map(({ kind }) => kind))].flatMap(kind => {
    const those = entries.filter(entry => entry.kind === kind);
    if (kind !== 'int8' && kind !== 'framing' && kind !== 'duplicates') return those;
    const bytes = those.reduce((total, entry) => total + entry.bytes, 0);
    return [{ ...those[0]!, name: `${those.length} files`, bytes }];
  });
}

function size(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
