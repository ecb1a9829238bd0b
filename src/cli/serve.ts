import { basename, dirname, resolve } from 'node:path';
import { Command } from 'commander';
import type { DeviceChoice } from '../base/device.js';
import { expected, reasonOf, UsageError } from '../base/errors.js';
import { CACHE_HELP, deviceOption, labelOptions, MODEL_HELP, refuseUnused, whole } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly cors?: string;
  readonly maxBody?: number;
  readonly maxPixels?: number;
  readonly maxPictures?: number;
  readonly perClient?: number;
  readonly queue?: number;
  readonly bodyTimeout?: number;
  readonly allowHost?: string[];
  readonly data?: string;
  readonly device?: DeviceChoice;
  readonly test?: string;
  readonly decisions?: string;
  readonly models?: string;
  readonly target?: string;
  readonly labelFrom?: string;
  readonly labelFromPath?: string;
  readonly skipMissing?: boolean;
  readonly unit?: string;
  readonly cache?: string;
}

export function serveCommand(terminal: Terminal): Command {
  const command = new Command('serve')
    .description(
      'Serve predictions over HTTP, and the studio at /: pages to try the model and, with --data, to browse the data, train, evaluate and review ' +
        'labels. Ctrl-C or SIGTERM stops it after accepted requests are answered. Uploaded images are not stored.',
    )
    .argument('[model]', `${MODEL_HELP}; optional with --data`)
    .option('--data <data>', 'labeled images for the studio, in the same forms as for train')
    .option('--test <data>', 'labeled images to evaluate models on (default: those of --data)')
    .option(
      '--decisions <file>',
      'file in which decisions about labels are kept, with results of cleaning beside it (default: DATA-studio/decisions.csv)',
    )
    .option('--models <dir>', 'folder of the models that the studio trains (default: that of MODEL, else models)');
  return labelOptions(command)
    .option('--unit <text>', 'unit of the target, such as years (default: that of the model)')
    .option('--cache <dir>', CACHE_HELP)
    .addOption(deviceOption())
    .option('--port <n>', 'port to listen on, up to 65535; 0: any free port', whole(0), 8080)
    .option('--host <address>', 'address of this machine to listen on; 0.0.0.0: all addresses', '127.0.0.1')
    .option(
      '--allow-host <name>',
      'further accepted Host name, such as that of a proxy; may be repeated',
      (name: string, names: string[] = []) => [...names, name],
    )
    .option('--token <secret>', 'required bearer token (default: $EYEBALL_TOKEN; without it, none)')
    .option('--cors <origin>', 'origin whose pages may send requests, such as https://example.org (default: none)')
    .option('--max-body <mb>', 'maximum size of a request in MiB (default: 32)', whole(1))
    .option('--max-pixels <n>', 'maximum pixels of an image (default: 100000000)', whole(1))
    .option('--max-pictures <n>', 'maximum images of a request (default: 64)', whole(1))
    .option('--per-client <n>', 'maximum images in the queue from one client address (default: 128)', whole(1))
    .option('--queue <n>', 'maximum images in the queue (default: 256)', whole(1))
    .option('--body-timeout <s>', 'seconds within which a request body must arrive (default: 30)', whole(1))
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml serve age
  npx eyeball-ml serve --data faces/train --test faces/test --unit years
  curl -F image=@photo.jpg http://127.0.0.1:8080/v1/predict
  EYEBALL_TOKEN=secret npx eyeball-ml serve age --host 0.0.0.0 --cors https://example.org`,
    )
    .action((model: string | undefined, flags: Flags) => serve(terminal, model, flags));
}

async function serve(terminal: Terminal, given: string | undefined, flags: Flags): Promise<void> {
  const { host, port } = flags;
  const token = flags.token ?? process.env.EYEBALL_TOKEN;
  if (token !== undefined && !/^\S+$/.test(token))
    throw new UsageError(
      expected('--token', 'a secret without spaces', token === '' ? 'an empty one' : 'one with spaces'),
    );
  if (port > 65535) throw new UsageError(expected('--port', 'at most 65535', `${port}`));
  checkFlags(given, flags);
  const { createApp } = await import('../serving/app.js');
  const { resolveLimits } = await import('../serving/limits.js');
  const { modelFolder } = await import('../model/model-files.js');
  const { loadModel } = await import('../model/model.js');
  const { hostCheck, isLoopback } = await import('../serving/access.js');
  const { openWorkplace } = await import('../serving/studio/workplace.js');
  const { listen } = await import('./listen.js');
  const limits = resolveLimits({
    bodyBytes: flags.maxBody && flags.maxBody * 2 ** 20,
    bodyMs: flags.bodyTimeout && flags.bodyTimeout * 1000,
    imagePixels: flags.maxPixels,
    requestImages: flags.maxPictures,
    clientImages: flags.perClient,
    queueImages: flags.queue,
  });
  if (flags.data !== undefined && token === undefined && !isLoopback(host))
    throw new UsageError(expected('--host', 'a loopback address, since --data is given', host, 'add --token'));
  const folder = given === undefined ? undefined : modelFolder(given);
  const { device } = flags;
  const onMessage = (line: string) => terminal.message(line);
  const model = folder === undefined ? undefined : loadModel(folder, { device, onMessage });
  // Awaited below; until then a failure must not count as an unhandled rejection.
  model?.catch(() => {});
  const { data, models, test, decisions, target, labelFrom, labelFromPath, skipMissing, unit, cache } = flags;
  const labels = { target, labelFrom, labelFromPath, skipMissing, unit };
  const place = { test, decisions, ...labels, cacheDir: cache, device, onMessage };
  const home = models ?? (folder === undefined ? 'models' : dirname(folder));
  const workplace = data === undefined ? undefined : await openWorkplace({ data, models: home, ...place });
  const app = createApp({
    model,
    name: folder && basename(resolve(folder)),
    folder,
    workplace,
    checkHost: hostCheck(host, flags.allowHost),
    token,
    cors: flags.cors,
    limits,
    onWarning: warning => terminal.message(`warning: ${warning}`),
    onError: thrown => terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown)),
  });
  const listening = await listen(app, { host, port, bodyMs: limits.bodyMs });
  try {
    await model;
    if (token === undefined && !isLoopback(host))
      terminal.message('warning: anyone who can reach this address can send requests; require a secret with --token');
    terminal.print(`${folder === undefined ? data : basename(resolve(folder))}: ${listening.address}`);
    terminal.message(addressLines(listening.address, { model: folder !== undefined, data: data !== undefined }));
    await aborted(terminal.signal);
    terminal.message('stopping: answering accepted requests');
  } finally {
    app.shutDown();
    await listening.close();
    await app.close();
  }
}

/** The addresses of the service: pages, predictions, API description. */
function addressLines(address: string, { model, data }: { readonly model: boolean; readonly data: boolean }): string {
  const pages = data ? 'browse the data, train, evaluate, review labels, try the model' : 'try the model';
  return [
    `  ${address}/  in a browser: ${pages}`,
    ...(model ? [`  curl -F image=@photo.jpg ${address}/v1/predict`] : []),
    `  ${address}/openapi.json  API description`,
    'Ctrl-C stops it.',
  ].join('\n');
}

/** @throws UsageError without a model and data, and for options that need --data. */
function checkFlags(model: string | undefined, flags: Flags): void {
  if (flags.data !== undefined) return;
  if (model === undefined)
    throw new UsageError('expected the folder of a model, or --data; see npx eyeball-ml serve --help');
  const given = {
    '--test': flags.test,
    '--decisions': flags.decisions,
    '--models': flags.models,
    '--target': flags.target,
    '--label-from': flags.labelFrom,
    '--label-from-path': flags.labelFromPath,
    '--skip-missing': flags.skipMissing,
    '--unit': flags.unit,
    '--cache': flags.cache,
  };
  refuseUnused(given, 'without --data');
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
