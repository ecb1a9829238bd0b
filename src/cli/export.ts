import { Command, Option } from 'commander';
import type { ExportWebResult } from '../verbs/export-web.js';
import { EXPORT_DEVICES, type ExportDevice } from '../web/runtime-files.js';
import { forceOption, type MessageFlags, MODEL_HELP, messageOptions, required } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags extends MessageFlags {
  readonly web?: string;
  readonly device: ExportDevice;
  readonly force?: boolean;
}

export function exportCommand(terminal: Terminal): Command {
  const command = new Command('export')
    .description(
      'Write a folder for any static host: a page that runs the model in the browser, the model, the runtime, and a service worker. ' +
        'It works offline after the first visit, and images never leave the browser. Browsers require https or localhost. ' +
        'Needs the package onnxruntime-web: npm install onnxruntime-web@1.30.0.',
    )
    .argument('<model>', MODEL_HELP)
    .option('--web <dir>', 'folder to create (required)')
    .addOption(
      new Option(
        '--device <device>',
        'device that the page computes on: "auto", the GPU if the browser has WebGPU, otherwise WebAssembly; "wasm", WebAssembly alone, for ' +
          'hosts with a file limit of 25 MiB; "webgpu", the GPU alone',
      )
        .choices([...EXPORT_DEVICES])
        .default('auto'),
    )
    .addOption(forceOption());
  messageOptions(command).addHelpText(
    'after',
    `
Examples:
  npx eyeball-ml export age --web age-page
  npx eyeball-ml export age --web age-page --device wasm   # without the WebGPU file of 26.8 MB, which some hosts refuse
  npx eyeball-ml export age --web age-page --force
  cd age-page && python3 -m http.server                    # http://localhost:8000`,
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
    `Size of a first visit, uncompressed: ${visits.join(', ')}.`,
    ...tooLarge.map(refusal),
  ].join('\n');
}

function refusal({ host, limitBytes, files }: ExportWebResult['tooLarge'][number]): string {
  const cure = files.some(file => file.startsWith('runtime/')) ? ' --device wasm omits the WebGPU runtime.' : '';
  return `warning: too large for ${host}, whose file limit is ${limitBytes / 2 ** 20} MiB: ${files.join(', ')}.${cure}`;
}

const DEVICE_NAMES = { wasm: 'WebAssembly', webgpu: 'WebGPU' } as const;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;
