#!/usr/bin/env node
// The command. Committed rather than compiled, so that it is there, and says what to do, in a clone that is not built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error(
    `eyeball: this clone is not built; run npm install in ${fileURLToPath(new URL('..', import.meta.url))}`,
  );
  process.exitCode = 1;
}
