import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { commandsOf, eyeball } from './eyeball.js';

const commands = [
  'demo',
  'inspect',
  'train',
  'evaluate',
  'predict',
  'clean',
  'compare',
  'serve',
  'export',
  'cache',
] as const;

describe('examples of commands', () => {
  const helps = new Map<string, string>();
  before(async () => {
    for (const name of commands) helps.set(name, (await eyeball(name, '--help')).stdout);
  });

  /** Fails unless each command is one of ours, and each of its flags is in that command's help. */
  function check(text: string, least: number) {
    const found = commandsOf(text);
    assert.ok(found.length >= least, `${found.length} commands`);
    for (const command of found) {
      const [name = ''] = command.split('npx eyeball-ml ')[1]!.split(' ');
      const help = helps.get(name);
      assert.ok(help !== undefined, command);
      const flags = command.replace(/&&.*/, '').match(/ --[\w-]+/g) ?? [];
      for (const flag of flags) assert.match(help, new RegExp(`${flag}\\b`), `${command}: ${flag}`);
    }
  }

  it('in the help of each command have flags that exist', async () => {
    for (const help of helps.values()) check(help, 1);
    check((await eyeball('--help')).stdout, 4);
  });

  it('in README and docs have flags that exist', () => {
    check(readFileSync('README.md', 'utf8'), 3);
    const pages = readdirSync('docs').filter(name => name.endsWith('.md'));
    for (const page of pages) check(readFileSync(join('docs', page), 'utf8'), 0);
    check(readFileSync('docs/cli.md', 'utf8'), 30);
  });

  it('name the command that works in a clone and from the package', () => {
    for (const page of ['README.md', ...readdirSync('docs').map(name => join('docs', name))]) {
      if (!page.endsWith('.md')) continue;
      const text = readFileSync(page, 'utf8');
      assert.doesNotMatch(text, /npx eyeball /, page);
      assert.doesNotMatch(text, /`eyeball [a-z]+/, page);
    }
  });
});
