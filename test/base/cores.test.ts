import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { usableCores } from '../../src/base/environment.js';

/** A folder that stands for `/`, with these files. */
function system(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'eyeball-cores-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('the cores that a process may use', () => {
  const all = availableParallelism();

  it('are all without limits', t => {
    assert.equal(usableCores(system(t, {})), all);
    const none = { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' };
    assert.equal(usableCores(system(t, none)), all);
    const older = { 'proc/self/cgroup': '4:cpu,cpuacct:/\n', 'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n' };
    assert.equal(usableCores(system(t, older)), all);
  });

  it('are those of a container, rounded up', t => {
    const inside = { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '50000 100000\n' };
    assert.equal(usableCores(system(t, inside)), 1);
    const outside = { 'proc/self/cgroup': '0::/app.slice\n', 'sys/fs/cgroup/app.slice/cpu.max': '90000 100000\n' };
    assert.equal(usableCores(system(t, outside)), 1);
    const roomy = { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '6400000 100000\n' };
    assert.equal(usableCores(system(t, roomy)), Math.min(all, 64));
  });

  it('are those of a container with cgroups of version 1', t => {
    const files = {
      'proc/self/cgroup': '5:memory:/x\n4:cpu,cpuacct:/docker/1\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    assert.equal(usableCores(system(t, files)), 1);
  });
});
