import { basename, dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { expected, reasonOf, UsageError } from '../base/errors.js';
import { whole } from './options.js';
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

/** `eyeball serve` */
export function serveCommand(terminal: Terminal): Command {
  return new Command('serve')
    .description(
      'Answer over HTTP what the number of images is, with the studio at /: pages to try the model and, with --data, to look at the data, train, ' +
        'measure, and review labels. Ends with Ctrl-C or SIGTERM, after what was accepted is answered. No image that is sent is kept.',
    )
    .argument('[model]', "the model's folder; with --data it may be left out")
    .option('--data <data>', 'labelled images to work on in the studio, in the forms that train takes')
    .option('--test <data>', 'labelled images to measure models on (default: those of --data)')
    .option(
      '--decisions <file>',
      'where decisions about labels are read and saved; what is found lies beside it (default: DATA-studio/decisions.csv)',
    )
    .option('--models <dir>', 'where models go that the studio trains (default: beside MODEL, else models)')
    .option('--target <name>', 'the number to learn: a column of the table; for folders, what to call it')
    .option('--label-from <regex>', "take the number from each file's name, as '^(\\d+)_' does for 37_1.jpg")
    .option(
      '--label-from-path <regex>',
      "the same for each file's path in the folder, as '/(\\d+)/' does for female/25/a.jpg",
    )
    .option('--skip-missing', 'skip rows of a table whose number is missing (default: they are an error)')
    .option('--unit <text>', "what the number is counted in (default: the model's)")
    .option('--cache <dir>', 'where features and downloads are kept (default: ~/.cache/eyeball)')
    .option('--port <n>', 'where to listen; 0 takes any free port', whole(0), 8080)
    .option('--host <address>', 'which address of this machine to listen on; 0.0.0.0 is all of them', '127.0.0.1')
    .option(
      '--allow-host <name>',
      'another name that requests may be meant for, such as that of a proxy in front; may be repeated',
      (name: string, names: string[] = []) => [...names, name],
    )
    .option('--token <secret>', 'ask for this bearer token (default: EYEBALL_TOKEN, if it is set)')
    .option('--cors <origin>', "let this origin's pages ask, such as https://example.org (default: none)")
    .option('--max-body <mb>', 'megabytes of a request (default: 32)', whole(1))
    .option('--max-pixels <n>', 'pixels of an image (default: 100000000)', whole(1))
    .option('--max-pictures <n>', 'images of a request (default: 64)', whole(1))
    .option('--per-client <n>', "images of a client's address in the queue (default: 128)", whole(1))
    .option('--queue <n>', 'images in the queue (default: 256)', whole(1))
    .option('--body-timeout <s>', 'seconds in which a body must arrive (default: 30)', whole(1))
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
  const { hostCheck, isLoopback } = await import('../serving/host-check.js');
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
    throw new UsageError(expected('--host', 'an address of this machine alone beside --data', host, 'or add --token'));
  const folder = given === undefined ? undefined : modelFolder(given);
  const model = folder === undefined ? undefined : loadModel(folder);
  // Heard below; until then it must not count as unhandled.
  model?.catch(() => {});
  const { data, models, test, decisions, target, labelFrom, labelFromPath, skipMissing, unit, cache } = flags;
  const onMessage = (line: string) => terminal.message(line);
  const place = { test, decisions, target, labelFrom, labelFromPath, skipMissing, unit, cacheDir: cache, onMessage };
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
    onError: thrown => terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown)),
  });
  const listening = await listen(app, { host, port, bodyMs: limits.bodyMs });
  try {
    await model;
    if (token === undefined && !isLoopback(host))
      terminal.message('warning: whoever reaches this address may ask; --token sets a secret');
    terminal.print(`${folder === undefined ? data : basename(resolve(folder))}: ${listening.address}`);
    terminal.message(whatIsThere(listening.address, { model: folder !== undefined, data: data !== undefined }));
    await aborted(terminal.signal);
    terminal.message('stopping: what was accepted is still answered');
  } finally {
    app.shutDown();
    await listening.close();
    await app.close();
  }
}

/** The addresses of a service, for a person. */
function whatIsThere(address: string, { model, data }: { readonly model: boolean; readonly data: boolean }): string {
  const pages = data ? 'look at the data, train, evaluate, review labels, try the model' : 'try the model';
  return [
    `  ${address}/  in a browser: ${pages}`,
    ...(model ? [`  curl -F image=@photo.jpg ${address}/v1/predict`] : []),
    `  ${address}/openapi.json  the description of the API`,
    'Ctrl-C stops it.',
  ].join('\n');
}

/** Refuses what has no use without a data set, and a service of nothing. */
function checkFlags(model: string | undefined, flags: Flags): void {
  if (flags.data !== undefined) return;
  if (model === undefined)
    throw new UsageError(
      expected('MODEL', 'the folder of a model, or --data', 'neither', 'npx eyeball-ml serve --help'),
    );
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
  for (const [option, value] of Object.entries(given))
    if (value !== undefined) throw new UsageError(expected(option, '--data beside it', 'none', 'leave it out'));
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
