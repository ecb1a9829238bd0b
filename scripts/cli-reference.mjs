// Prints docs/cli.md from the commands' own definitions: `npm run build && node scripts/cli-reference.mjs > docs/cli.md`.
import { program } from '../dist/src/cli/run.js';
import { Terminal } from '../dist/src/cli/terminal.js';

const root = await program(new Terminal(new AbortController()), () => true);
const help = root.createHelp();

/** Text as Markdown shows it unchanged, also in a table. */
const escaped = text => text.replace(/[\\`*_<>|[\]]/g, character => `\\${character}`);

/** Code, in a table too. */
const code = text => `\`${text.replaceAll('|', '\\|')}\``;

function table(columns, rows) {
  const lines = [columns, columns.map(() => '---'), ...rows];
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

const STATED_DEFAULT = / \(default: ([^()]*)\)/;

/** A row of a table of options. The default is what commander knows, otherwise what the description states in parentheses. */
function optionRow({ flags, description, argChoices, defaultValue }) {
  const meaning = escaped(description.replace(STATED_DEFAULT, ''));
  const choices = argChoices === undefined ? '' : `; one of ${argChoices.map(code).join(', ')}`;
  const standard = defaultValue ?? STATED_DEFAULT.exec(description)?.[1] ?? '';
  return [code(flags), meaning + choices, escaped(`${standard}`)];
}

/** Tables of a command's options, one a group. */
function optionTables(command) {
  const groups = new Map();
  for (const option of help.visibleOptions(command)) {
    if (option.long === '--help') continue;
    const group = option.helpGroupHeading ?? 'Options:';
    groups.set(group, [...(groups.get(group) ?? []), optionRow(option)]);
  }
  return [...groups].flatMap(([group, rows]) => [
    `**${group.replace(/:$/, '')}**`,
    table(['option', 'meaning', 'default'], rows),
  ]);
}

/** The examples that a command's help ends with, and the remark behind them if there is one. */
function examples(command) {
  let text = '';
  command.configureOutput({
    writeOut: part => {
      text += part;
    },
  });
  command.outputHelp();
  const lines = text.split('\nExamples:\n')[1]?.trimEnd().split('\n') ?? [];
  const commands = lines.filter(line => line.startsWith('  ')).map(line => line.slice(2));
  const remark = lines.filter(line => line !== '' && !line.startsWith('  ')).map(escaped);
  return [`\`\`\`sh\n${commands.join('\n')}\n\`\`\``, ...remark];
}

function section(command) {
  const args = help
    .visibleArguments(command)
    .map(argument => [code(argument.name()), escaped(help.argumentDescription(argument))]);
  return [
    `## ${command.name()}`,
    `\`${root.name()} ${command.name()} ${command.usage()}\``,
    escaped(help.commandDescription(command)),
    ...(args.length === 0 ? [] : [table(['argument', 'meaning'], args)]),
    ...optionTables(command),
    ...examples(command),
  ];
}

const commands = help.visibleCommands(root).filter(command => command.name() !== 'help');
const index = commands.map(command => [`[${command.name()}](#${command.name()})`, escaped(command.summary())]);
const parts = [
  '# Command line',
  'All commands with their options, made from the definitions in `src/cli` by `scripts/cli-reference.mjs`.',
  '`npx eyeball-ml COMMAND --help` prints the same in a terminal. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.',
  table(['command', 'what it does'], index),
  ...commands.flatMap(section),
];
console.log(parts.join('\n\n'));
