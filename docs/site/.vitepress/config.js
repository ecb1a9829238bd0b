// The site of `npm run docs`: README, the pages of docs/ and the pages that they link to. A dead link fails the build.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const root = fileURLToPath(new URL('../../../', import.meta.url));
// A copy, since pages must lie below the folder that has VitePress in its node_modules.
const copy = fileURLToPath(new URL('../pages/', import.meta.url));
const read = path => readFileSync(join(root, path), 'utf8');
const PROJECT_PAGES = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/RESULTS.md'];
const docs = readdirSync(join(root, 'docs')).filter(name => name !== 'site');

rmSync(copy, { recursive: true, force: true });
for (const path of ['README.md', ...PROJECT_PAGES, ...docs.map(name => `docs/${name}`)]) {
  mkdirSync(dirname(join(copy, path)), { recursive: true });
  cpSync(join(root, path), join(copy, path), { recursive: true });
}

/** The groups of pages in docs/README.md, in its order. */
const groups = read('docs/README.md')
  .split(/^## /m)
  .slice(1)
  .map(group => ({
    text: group.split('\n')[0],
    items: [...group.matchAll(/^- \[([^\]]+)\]\(([\w-]+)\.md\)/gm)].map(([, text, page]) => ({
      text,
      link: `/docs/${page}`,
    })),
  }));
const projectPages = PROJECT_PAGES.map(page => ({
  text: /^# (.+)$/m.exec(read(page))[1],
  link: `/${page.replace('.md', '')}`,
}));

export default defineConfig({
  title: 'eyeball',
  description: 'Image regression in TypeScript',
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: 'node_modules/.cache',
  rewrites: { 'README.md': 'index.md', 'docs/README.md': 'docs/index.md' },
  markdown: { languageAlias: { caddy: 'nginx' } },
  themeConfig: {
    nav: [{ text: 'Documentation', link: '/docs/' }],
    sidebar: [{ text: 'eyeball', link: '/' }, ...groups, { text: 'Project', items: projectPages }],
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
