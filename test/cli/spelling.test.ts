import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { option, optionKeys } from '../../src/base/options.js';
import { program } from '../../src/cli/run.js';
import { flagOf, withFlags } from '../../src/cli/spelling.js';
import { Terminal } from '../../src/cli/terminal.js';

describe('options in messages', () => {
  it('are flags that a command has', async () => {
    const root = await program(new Terminal(new AbortController()), () => true);
    const flags = new Set(root.commands.flatMap(({ options }) => options.map(({ long }) => long)));
    assert.deepEqual(
      optionKeys.filter(key => !flags.has(flagOf(key))),
      [],
    );
  });

  it('are spelled with their values', () => {
    const text = `${option('learningRate')} has no effect with ${option('solver', 'ridge')} or ${option('resume', true)}`;
    assert.equal(withFlags(text), '--lr has no effect with --solver ridge or --resume');
  });

  it('are the only code that is changed', () => {
    assert.equal(withFlags('a `Name` and `a b`'), 'a `Name` and `a b`');
  });
});
