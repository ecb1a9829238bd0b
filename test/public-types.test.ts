import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The names that an `index.d.ts` exports, with the declaration file of each. */
function exportsOf(index: string): Map<string, string> {
  const names = new Map<string, string>();
  const text = readFileSync(index, 'utf8');
  for (const [, list, from] of text.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)) {
    const file = join(dirname(index), from!.replace(/\.js$/, '.d.ts'));
    for (const name of list!.split(','))
      names.set(
        name
          .replace('type ', '')
          .trim()
          .replace(/ as \w+$/, ''),
        file,
      );
  }
  for (const [, from] of text.matchAll(/export \* from '([^']+)'/g)) {
    const file = join(dirname(index), from!.replace(/\.js$/, '.d.ts'));
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^export (?:declare )?\w+ (\w+)/gm))
      names.set(name!, file);
  }
  return names;
}

/** The declaration of `name` in a declaration file, comments left out. */
function declarationOf(name: string, file: string): string {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
  const [found] =
    new RegExp(
      `^export (?:declare )?(?:abstract )?\\w+ ${name}\\b[\\s\\S]*?(?=^(?:export|declare|interface|type|import) |\\n$(?![\\s\\S]))`,
      'm',
    ).exec(text) ?? [];
  assert.ok(found, `${name} is declared in ${file}`);
  return found;
}

/** Types of the project that the declarations of an entry point mention and that it does not export. */
function hiddenTypes(index: string): string[] {
  const names = exportsOf(index);
  return [...names].flatMap(([name, file]) => {
    const text = readFileSync(file, 'utf8');
    const imported = [...text.matchAll(/import (?:type )?\{([^}]*)\} from '\./g)].flatMap(match =>
      match[1]!.split(','),
    );
    const local = [...text.matchAll(/^(?:export )?(?:declare )?(?:interface|type|class) (\w+)/gm)].map(
      match => match[1]!,
    );
    const known = new Set([...imported.map(each => each.replace('type ', '').trim()), ...local]);
    const mentioned = new Set(declarationOf(name, file).match(/\b[A-Z]\w*\b/g));
    return [...mentioned].filter(type => known.has(type) && !names.has(type)).map(type => `${name}: ${type}`);
  });
}

describe('the types of the public API', () => {
  for (const entry of ['', 'engine/', 'web/']) {
    it(`can all be imported from eyeball-ml/${entry}`, () => {
      assert.deepEqual(hiddenTypes(fileURLToPath(new URL(`../src/${entry}index.d.ts`, import.meta.url))), []);
    });
  }
});
