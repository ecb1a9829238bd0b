import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';

/**
 * The cores that this process may keep busy, 1 or more: those it may run on, or fewer where a container's limit says so, which Node 20 does
 * not look at.
 *
 * @param root The folder that stands for `/`. Default: that.
 */
export function usableCores(root = ''): number {
  const limits = groups(root).flatMap(({ controllers, path }) => {
    const isOlder = controllers !== '';
    if (isOlder && !controllers.split(',').includes('cpu')) return [];
    const base = isOlder ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup';
    // Within a container its own group is the root; outside it is the path.
    return [`${root}${base}${path}`, `${root}${base}`].map(isOlder ? olderQuota : quota);
  });
  return Math.max(1, Math.min(availableParallelism(), ...limits.map(limit => Math.ceil(limit))));
}

/** The groups of this process by the controllers they are for; '' is for all. Reference: cgroups(7), /proc/PID/cgroup */
function groups(root: string): { readonly controllers: string; readonly path: string }[] {
  return textOf(`${root}/proc/self/cgroup`)
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [, controllers, path] = line.split(':') as [string, string, string];
      return { controllers, path };
    });
}

/** Cores' worth of time in a period. Reference: cgroup v2, cpu.max */
function quota(folder: string): number {
  const [most, period] = textOf(`${folder}/cpu.max`).split(' ').map(Number);
  return ratio(most, period);
}

/** Reference: cgroup v1, cpu.cfs_quota_us; -1 is no limit. */
const olderQuota = (folder: string): number =>
  ratio(Number(textOf(`${folder}/cpu.cfs_quota_us`)), Number(textOf(`${folder}/cpu.cfs_period_us`)));

const ratio = (most = Number.NaN, period = Number.NaN): number =>
  most > 0 && period > 0 ? most / period : Number.POSITIVE_INFINITY;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Another system, or no such limit.
    return '';
  }
}

const require = createRequire(import.meta.url);
const versionOf = (path: string): string => (require(path) as { version: string }).version;

/** The version of eyeball itself. */
export const eyeballVersion = (): string => versionOf('../../../package.json');

/** The versions that a result depends on, by name. */
export function versions(): Record<string, string> {
  return {
    eyeball: eyeballVersion(),
    node: process.versions.node,
    onnxruntime: versionOf('onnxruntime-node/package.json'),
  };
}
