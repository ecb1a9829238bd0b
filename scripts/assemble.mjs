// Assembles src/images/enlarge.wat into src/images/enlarge-code.ts; with --check it only says whether that is what lies there.
import { readFileSync, writeFileSync } from 'node:fs';
import startWabt from 'wabt';

const at = name => new URL(`../src/images/${name}`, import.meta.url);
const source = at('enlarge.wat');
const wabt = await startWabt();
const module = wabt.parseWat('enlarge.wat', readFileSync(source, 'utf8'), { simd: true });
const { buffer } = module.toBinary({});
const text = `// Made of enlarge.wat by \`npm run assemble\`: WebAssembly in base64.
export const ENLARGE_CODE =
  '${Buffer.from(buffer).toString('base64')}';
`;
if (!process.argv.includes('--check')) writeFileSync(at('enlarge-code.ts'), text);
else if (readFileSync(at('enlarge-code.ts'), 'utf8') !== text) {
  console.error('src/images/enlarge-code.ts is not what enlarge.wat says: npm run assemble');
  process.exit(1);
}
