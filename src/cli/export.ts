import { Command } from 'commander';
import type { ExportWebResult } from '../operations/export-web.js';
import { forceOption, required, type TalkFlags, talkOptions } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags {
  readonly web?: string;
  readonly force?: boolean;
}

/** `eyeball export` */
export function exportCommand(terminal: Terminal): Command {
  const command = new Command('export')
    .description(
      'Make a folder that any static host serves: a page that runs the model in the browser, with the model, the runtime, and a service ' +
        'worker. It works without a network after the first visit, and pictures never leave the browser. Browsers ask for https or localhost.',
    )
    .argument('<model>', "the model's folder")
    .option('--web <dir>', 'the folder to make (required)')
    .addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml export age --web age-page
  npx eyeball-ml export age --web age-page --force
  cd age-page && python3 -m http.server           # http://localhost:8000: any static host will do`,
  );
  return command.action(async (model: string, { web, force, json, quiet }: Flags) => {
    const { exportWeb } = await import('../operations/export-web.js');
    terminal.watch({ quiet });
    const result = await exportWeb({ model, out: required(web, '--web <dir>'), force });
    if (json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

function summary({ out, files, bytes, visitBytes }: ExportWebResult): string {
  const rows: (readonly [string, number])[] = files.map(({ file, bytes }) => [file, bytes]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${out}: ${files.length} files, ${megabytes(bytes)}`,
    ...rows.map(([name, size]) => `  ${name.padEnd(width)}  ${megabytes(size).padStart(9)}`),
    `A first visit loads ${megabytes(visitBytes.wasm)} with WebAssembly, ${megabytes(visitBytes.webgpu)} with WebGPU, before the host compresses it.`,
  ].join('\n');
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
