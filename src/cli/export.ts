import { Command, Option } from 'commander';
import type { ExportWebResult } from '../verbs/export-web.js';
import { EXPORT_DEVICES, type ExportDevice } from '../web/runtime-files.js';
import { forceOption, required, type TalkFlags, talkOptions } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends TalkFlags {
  readonly web?: string;
  readonly device: ExportDevice;
  readonly force?: boolean;
}

/** `eyeball export` */
export function exportCommand(terminal: Terminal): Command {
  const command = new Command('export')
    .description(
      'Make a folder that any static host serves: a page that runs the model in the browser, with the model, the runtime, and a service ' +
        'worker. It works without a network after the first visit, and images never leave the browser. Browsers ask for https or localhost. ' +
        'Needs the package onnxruntime-web: npm install onnxruntime-web@1.30.0.',
    )
    .argument('<model>', "the model's folder")
    .option('--web <dir>', 'the folder to make (required)')
    .addOption(
      new Option(
        '--device <device>',
        'what the page computes on: "auto", the GPU where the browser has one, otherwise WebAssembly; "wasm", WebAssembly alone, for hosts ' +
          'that take no file over 25 MiB; "webgpu", the GPU alone',
      )
        .choices([...EXPORT_DEVICES])
        .default('auto'),
    )
    .addOption(forceOption());
  talkOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml export age --web age-page
  npx eyeball-ml export age --web age-page --device wasm   # leaves out WebGPU's file of 26.8 MB, which some hosts refuse
  npx eyeball-ml export age --web age-page --force
  cd age-page && python3 -m http.server           # http://localhost:8000: any static host will do`,
  );
  return command.action(async (model: string, { web, device, force, json, quiet }: Flags) => {
    const { exportWeb } = await import('../verbs/export-web.js');
    const { onMessage } = terminal.context({ quiet });
    const result = await exportWeb({ model, out: required(web, '--web <dir>'), device, force, onMessage });
    if (json) terminal.printJson(result);
    else terminal.print(summary(result));
  });
}

function summary({ out, files, bytes, visitBytes, tooLarge }: ExportWebResult): string {
  const rows: (readonly [string, number])[] = files.map(({ file, bytes }) => [file, bytes]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const visits = (['wasm', 'webgpu'] as const).flatMap(device => {
    const bytes = visitBytes[device];
    return bytes === undefined ? [] : [`${megabytes(bytes)} with ${DEVICE_NAMES[device]}`];
  });
  return [
    `${out}: ${files.length} files, ${megabytes(bytes)}`,
    ...rows.map(([name, size]) => `  ${name.padEnd(width)}  ${megabytes(size).padStart(9)}`),
    `A first visit loads ${visits.join(', ')}, before the host compresses it.`,
    ...tooLarge.map(refusal),
  ].join('\n');
}

function refusal({ host, limitBytes, files }: ExportWebResult['tooLarge'][number]): string {
  const cure = files.some(file => file.startsWith('runtime/'))
    ? ' --device wasm leaves the runtime for WebGPU out.'
    : '';
  return `warning: too large for ${host}, which takes files up to ${limitBytes / 2 ** 20} MiB: ${files.join(', ')}.${cure}`;
}

const DEVICE_NAMES = { wasm: 'WebAssembly', webgpu: 'WebGPU' } as const;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
