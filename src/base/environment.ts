import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';

/**
 * Number of cores that this process may use, 1 or more: its CPU affinity, or the limit of its container's cgroup, which Node 20 ignores.
 *
 * @param root Folder used in place of `/`. Default: `/`.
 */
export function usableCores(root = ''): number {
  const limits = groups(root).flatMap(({ controllers, path }) => {
    const isV1 = controllers !== '';
    if (isV1 && !controllers.split(',').includes('cpu')) return [];
    const base = isV1 ? '/sys/fs/cgroup/cpu' : '/sys/fs/cgroup';
    // Inside a container its own group is the root; outside it is the path.
    return [`${root}${base}${path}`, `${root}${base}`].map(isV1 ? quotaV1 : quota);
  });
  return Math.max(1, Math.min(availableParallelism(), ...limits.map(limit => Math.ceil(limit))));
}

/** The cgroups of this process by controllers; '' stands for all (cgroup v2). Reference: cgroups(7), /proc/PID/cgroup */
function groups(root: string): { readonly controllers: string; readonly path: string }[] {
  return textOf(`${root}/proc/self/cgroup`)
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [, controllers, path] = line.split(':') as [string, string, string];
      return { controllers, path };
    });
}

/** Limit in cores. Reference: cgroup v2, cpu.max */
function quota(folder: string): number {
  const [most, period] = textOf(`${folder}/cpu.max`).split(' ').map(Number);
  return ratio(most, period);
}

/** Limit in cores; a quota of -1 is none. Reference: cgroup v1, cpu.cfs_quota_us */
const quotaV1 = (folder: string): number =>
  ratio(Number(textOf(`${folder}/cpu.cfs_quota_us`)), Number(textOf(`${folder}/cpu.cfs_period_us`)));

const ratio = (most = Number.NaN, period = Number.NaN): number =>
  most > 0 && period > 0 ? most / period : Number.POSITIVE_INFINITY;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Another operating system, or no limit.
    return '';
  }
}

const require = createRequire(import.meta.url);
const versionOf = (path: string): string => (require(path) as { version: string }).version;

export const eyeballVersion = (): string => versionOf('../../../package.json');

/** Versions of the software that a result depends on, by name. */
export function versions(): Record<string, string> {
  return {
    eyeball: eyeballVersion(),
    node: process.versions.node,
    onnxruntime: versionOf('onnxruntime-node/package.json'),
  };
}

/** The most memory this process has held so far, its threads included, in bytes. */
export const peakRssBytes = (): number => process.resourceUsage().maxRSS * 1024;
