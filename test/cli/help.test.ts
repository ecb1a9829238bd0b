import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { program } from '../../src/cli/run.js';
import { Terminal } from '../../src/cli/terminal.js';
import { commandsOf, eyeball, wordsOf } from './eyeball.js';

/** Parses a command line with the real definitions; nothing is run. Throws what commander refuses: flags, values, missing or excess arguments. */
async function parse(args: readonly string[]): Promise<void> {
  const root = await program(new Terminal(new AbortController()), name => args.includes(name));
  for (const command of root.commands)
    command.action(() => {}).configureOutput({ writeErr: () => {}, writeOut: () => {} });
  await root.parseAsync([...args], { from: 'user' });
}

describe('examples of commands', () => {
  /** Fails unless commander accepts each command line of `text`, with its values and arguments. */
  async function check(text: string, least: number): Promise<void> {
    const found = commandsOf(text);
    assert.ok(found.length >= least, `${found.length} commands`);
    for (const command of found) {
      const args = wordsOf(command.split('npx eyeball-ml ')[1]!);
      await assert.doesNotReject(parse(args), command);
    }
  }

  it('in the help of each command are accepted', async () => {
    const root = await program(new Terminal(new AbortController()), () => true);
    for (const command of root.commands) {
      let help = '';
      command.configureOutput({ writeOut: text => (help += text) }).outputHelp();
      await check(help, 1);
    }
    await check((await eyeball('--help')).stdout, 4);
  });

  it('in README and docs are accepted', async () => {
    await check(readFileSync('README.md', 'utf8'), 3);
    const pages = readdirSync('docs').filter(name => name.endsWith('.md'));
    for (const page of pages) await check(readFileSync(join('docs', page), 'utf8'), 0);
    await check(readFileSync('docs/cli.md', 'utf8'), 30);
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
