// Prints docs/api-reference.md from the docstrings of the public entry points: `node scripts/api-reference.mjs > docs/api-reference.md`.
import { resolve } from 'node:path';
import { API, SymbolFlags } from 'typescript/unstable/sync';

const ENTRIES = [
  { name: 'eyeball-ml', file: 'src/index.ts', project: 'tsconfig.json', about: 'Guide: [api.md](api.md).' },
  { name: 'eyeball-ml/web', file: 'src/web/index.ts', project: 'tsconfig.web.json', about: 'Guide: [web.md](web.md).' },
  {
    name: 'eyeball-ml/engine',
    file: 'src/engine/index.ts',
    project: 'tsconfig.json',
    about:
      'Guide: [engine.md](engine.md). Letters in shapes: N images, C channels, H and W height and width, M filters, D features.',
  },
];

/** Types with longer texts are shortened in tables. */
const LONGEST_TYPE = 90;

const api = new API({ cwd: process.cwd() });
const projects = ['tsconfig.json', 'tsconfig.web.json'].map(file => resolve(file));
const snapshot = api.updateSnapshot({ openProjects: projects });

/** Text as Markdown shows it in the cell of a table: on one line, with code left alone. */
const cell = text =>
  text
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
const code = text => `\`${cell(text)}\``;

/** Prose of a docstring: its lines joined, apart from lists. `<` would open an element of HTML. */
const prose = text =>
  text
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/\n(?![\n\d-])/g, ' ')
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 0 ? part.replaceAll('<', '&lt;').replace(/(?<=\w)\*/g, '\\*') : part))
    .join('');

/** A type without the members of object types, where it is long. */
function shortened(type) {
  let text = type.replaceAll('<ArrayBufferLike>', '').replace(/^\((\(.*\) => [^()]*)\)$/, '$1');
  while (text.length > LONGEST_TYPE && /\{ [^{}]* \}/.test(text)) text = text.replace(/\{ [^{}]* \}/g, '{…}');
  return text;
}

/** A docstring's meaning and, where a sentence of it states one, the default. */
function splitDefault(text) {
  const found = /(?:^|\s)Default(?::| is)? (.+?)\.?(?=$|\.\s)/s.exec(text);
  if (found === null) return [text, ''];
  return [
    text
      .replace(found[0], '')
      .replace(/^\.\s*/, '')
      .trim(),
    found[1],
  ];
}

/** A page's part for one entry point. `known` has the names that were described before it, with the entry that did. */
function describe(entry, known) {
  const project = snapshot.getProject(resolve(entry.project));
  const { program, checker } = project;
  const module = checker.getSymbolAtLocation(program.getSourceFile(resolve(entry.file)));
  const docOf = symbol => prose(checker.getDocumentationCommentOfSymbol(symbol));
  const tagsOf = (symbol, name) =>
    checker
      .getJsDocTagsOfSymbol(symbol)
      .filter(tag => tag.name === name)
      .map(tag => tag.text ?? '');
  const declarationOf = symbol => symbol.declarations[0]?.resolve(project);
  const sourceOf = node => node.getSourceFile().text;
  const exported = checker.getExportsOfModule(module).map(symbol => ({
    name: symbol.name,
    symbol: symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  }));
  const keyOf = symbol => {
    const node = declarationOf(symbol);
    return `${node.getSourceFile().fileName}:${node.pos}`;
  };
  const here = new Set(exported.map(({ name }) => name));

  /** The text of a declaration up to its body, without its indentation. */
  function signatureText(node) {
    const end = node.body === undefined ? node.end : node.body.pos;
    const text = sourceOf(node).slice(node.getStart(node.getSourceFile()), end).trim();
    const indent = /\n( *)\S.*$/.exec(text)?.[1] ?? '';
    return text
      .replaceAll(`\n${indent}`, '\n')
      .replace(/^export (async )?/, '')
      .replace(/^function /, '')
      .replace(/;$/, '');
  }

  /** Signature, meaning, parameters, errors and example of a function or method. */
  function callable(symbol, signature) {
    const parameters = tagsOf(symbol, 'param').map(text => {
      const [, name, rest] = /^(\S+)\s*-?\s*([\s\S]*)$/.exec(text);
      return `- \`${name}\`: ${prose(rest)}`;
    });
    const thrown = tagsOf(symbol, 'throws').map(text => prose(text).replace(/\.$/, ''));
    const examples = tagsOf(symbol, 'example');
    const types = [...new Set(signature.match(/\b[A-Z]\w+/g))].filter(name => here.has(name));
    return [
      `\`\`\`ts\n${signature}\n\`\`\``,
      docOf(symbol),
      parameters.join('\n'),
      thrown.length === 0 ? '' : `Throws ${thrown.join('; ')}.`,
      types.length === 0 ? '' : `Types: ${types.map(name => `[${name}](#${anchorOf(name)})`).join(', ')}.`,
      ...examples.map(example => `Example:\n\n${example.trim()}`),
    ];
  }

  const isMethod = symbol => symbol.flags & (SymbolFlags.Method | SymbolFlags.Constructor);
  const isPrivate = symbol => /^\s*(private|protected|#)/.test(declarationTextOf(symbol));
  function declarationTextOf(symbol) {
    const node = declarationOf(symbol);
    return node === undefined ? '' : sourceOf(node).slice(node.getStart(node.getSourceFile()), node.end);
  }

  /** The type of a property as it was written, or as it follows from a schema. */
  function typeText(member) {
    const node = declarationOf(member).type;
    const written = node && sourceOf(node).slice(node.getStart(node.getSourceFile()), node.end);
    const inferred = checker.typeToString(checker.getTypeOfSymbol(member), undefined, NO_TRUNCATION);
    const text = written === undefined || CHOICES.test(inferred) ? inferred : written;
    const flat = text.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/\s+/g, ' ');
    return shortened(member.flags & SymbolFlags.Optional ? flat.replace(/ \| undefined$/, '') : flat);
  }

  /** A table of a type's properties, then its methods: the required ones first, then those that the type itself declares. */
  function members(symbol) {
    const home = declarationOf(symbol);
    const orderOf = member => {
      const node = declarationOf(member);
      const file = node.getSourceFile().fileName;
      const isOwn = file === home.getSourceFile().fileName && node.pos >= home.pos && node.end <= home.end;
      const rank = `${member.flags & SymbolFlags.Optional ? 1 : 0}${isOwn ? 0 : 1}`;
      return `${rank}:${file}:${`${node.pos}`.padStart(8, '0')}`;
    };
    const all = checker
      .getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))
      .filter(member => declarationOf(member) !== undefined && !isPrivate(member))
      .filter(member => declarationOf(member).getSourceFile().fileName.startsWith(resolve('src')))
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    const properties = all.filter(member => !isMethod(member));
    const rows = properties.map(member => {
      const optional = member.flags & SymbolFlags.Optional;
      const [meaning, standard] = splitDefault(docOf(member));
      const thrown = tagsOf(member, 'throws').map(reason => ` Throws ${prose(reason)}`);
      const name = `\`${member.name}${optional ? '?' : ''}\``;
      return [name, code(typeText(member)), cell(meaning + thrown.join('')), cell(standard)];
    });
    const defaults = rows.some(row => row[3] !== '');
    const columns = ['name', 'type', 'meaning', ...(defaults ? ['default'] : [])];
    const table = [columns, columns.map(() => '---'), ...rows.map(row => row.slice(0, columns.length))]
      .map(cells => `| ${cells.join(' | ')} |`)
      .join('\n');
    const methods = all.filter(isMethod).flatMap(member => callable(member, signatureText(declarationOf(member))));
    return [...(rows.length === 0 ? [] : [table]), ...methods];
  }

  function section({ name, symbol }) {
    const { flags } = symbol;
    const heading = `#### ${name}`;
    if (known.has(keyOf(symbol))) return [heading, `As in [${known.get(keyOf(symbol))}](#${anchorOf(name)}).`];
    known.set(keyOf(symbol), entry.name);
    if (flags & SymbolFlags.Function) {
      const signatures = symbol.declarations.map(handle => handle.resolve(project));
      const listed = signatures.length > 1 ? signatures.filter(node => node.body === undefined) : signatures;
      return [heading, ...callable(symbol, listed.map(signatureText).join('\n'))];
    }
    if (flags & SymbolFlags.Variable) {
      const text = checker.typeToString(checker.getTypeOfSymbol(symbol), undefined, NO_TRUNCATION);
      return [heading, ...callable(symbol, `${name}${text.replace(' => ', ': ')}`)];
    }
    if (flags & SymbolFlags.TypeAlias && !OBJECTS.has(name)) {
      return [heading, `\`\`\`ts\n${declarationTextOf(symbol).replace(/^export /, '')}\n\`\`\``, docOf(symbol)];
    }
    return [heading, docOf(symbol), ...members(symbol)];
  }

  const kinds = [
    ['Functions', flags => flags & (SymbolFlags.Function | SymbolFlags.Variable)],
    ['Classes', flags => flags & SymbolFlags.Class],
    ['Types', flags => !(flags & (SymbolFlags.Function | SymbolFlags.Variable | SymbolFlags.Class))],
  ];
  return [
    `## ${entry.name}`,
    entry.about,
    ...kinds.flatMap(([title, is]) => {
      const of = exported.filter(({ symbol }) => is(symbol.flags));
      return of.length === 0 ? [] : [`### ${title} of ${entry.name}`, ...of.flatMap(section)];
    }),
  ];
}

/** Aliases of object types that a schema gives: their members are listed. */
const OBJECTS = new Set(['Manifest', 'MeasuredErrors']);
/** A type of a few strings, whose names are more use than the name of the type. */
const CHOICES = /^"[^"]*"( \| ("[^"]*"|null|undefined))*$/;
/** NodeBuilderFlags.NoTruncation. */
const NO_TRUNCATION = 1;
const anchorOf = name => name.toLowerCase();

const known = new Map();
const parts = [
  '# API reference',
  'Every function, class and type that the package exports, made from the docstrings in `src` by `scripts/api-reference.mjs`.',
  'All examples are compiled and run by a test.',
  ENTRIES.map(({ name }) => `- [${name}](#${name.replace('/', '')})`).join('\n'),
  ...ENTRIES.flatMap(entry => describe(entry, known)),
];
api.close();
console.log(parts.filter(part => part !== '').join('\n\n'));
