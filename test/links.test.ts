import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/RESULTS.md'];
for (const name of readdirSync('docs')) if (name.endsWith('.md')) PAGES.push(`docs/${name}`);

/** A page without its code, in which brackets are no links and # starts no heading. */
const proseOf = (page: string): string => readFileSync(page, 'utf8').replace(/^ *```[\s\S]*?^ *```/gm, '');

/** The anchors of a page's headings, as GitHub names them. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let anchor = name;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${name}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

describe('links into the repository', () => {
  for (const page of PAGES) {
    it(`of ${page} lead to files and headings that exist`, () => {
      const links = [
        ...proseOf(page)
          .replace(/`[^`]*`/g, '')
          .matchAll(/\]\((?!\w+:)([^)\s]+)\)/g),
      ];
      const broken = links.filter(([, link]) => {
        const [path = '', anchor] = link!.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).has(anchor));
      });
      assert.deepEqual(
        broken.map(([, link]) => link),
        [],
      );
    });
  }

  it('of README lead to files of the package too', () => {
    const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const packed = new Set(files.map(({ path }) => path));
    const links = [...readFileSync('README.md', 'utf8').matchAll(/\]\((?!\w+:)([^)#\s]+)/g)].map(([, path]) => path!);
    assert.deepEqual(
      links.filter(path => !packed.has(path)),
      [],
    );
  });

  it('are many in README and in the index of docs', () => {
    for (const page of ['README.md', 'docs/README.md']) {
      assert.ok([...proseOf(page).matchAll(/\]\((?!\w+:)[^)]+\)/g)].length > 15, page);
    }
  });
});
