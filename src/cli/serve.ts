import { basename, resolve } from 'node:path';
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
}

/** `eyeball serve` */
export function serveCommand(terminal: Terminal): Command {
  return new Command('serve')
    .summary('answer over HTTP')
    .description(
      'Answer over HTTP what the number of pictures is, with a page to try it at /. Ends with Ctrl-C or SIGTERM, after what was ' +
        'accepted is answered. No picture is kept.',
    )
    .argument('<model>', "the model's folder")
    .option('--port <n>', 'where to listen; 0 takes any free port', whole(0), 8080)
    .option('--host <address>', 'which address of this machine to listen on; 0.0.0.0 is all of them', '127.0.0.1')
    .option('--token <secret>', 'ask for this bearer token (default: EYEBALL_TOKEN, if it is set)')
    .option('--cors <origin>', "let this origin's pages ask, such as https://example.org (default: none)")
    .option('--max-body <mb>', 'megabytes of a request (default: 32)', whole(1))
    .option('--max-pixels <n>', 'pixels of a picture (default: 100000000)', whole(1))
    .option('--max-pictures <n>', 'pictures of a request (default: 64)', whole(1))
    .option('--per-client <n>', "pictures of a client's address in the queue (default: 128)", whole(1))
    .option('--queue <n>', 'pictures in the queue (default: 256)', whole(1))
    .option('--body-timeout <s>', 'seconds in which a body must arrive (default: 30)', whole(1))
    .addHelpText(
      'after',
      `
Examples:
  eyeball serve age
  curl -F image=@photo.jpg http://127.0.0.1:8080/v1/predict
  EYEBALL_TOKEN=secret eyeball serve age --host 0.0.0.0 --cors https://example.org`,
    )
    .action((model: string, flags: Flags) => serve(terminal, model, flags));
}

async function serve(terminal: Terminal, folder: string, flags: Flags): Promise<void> {
  const { host, port } = flags;
  const token = flags.token ?? process.env.EYEBALL_TOKEN;
  if (token !== undefined && !/^\S+$/.test(token))
    throw new UsageError(
      expected('--token', 'a secret without spaces', token === '' ? 'an empty one' : 'one with spaces'),
    );
  if (port > 65535) throw new UsageError(expected('--port', 'at most 65535', `${port}`));
  const { createApp } = await import('../serving/app.js');
  const { resolveLimits } = await import('../serving/limits.js');
  const { loadModel, modelFolder } = await import('../model/model.js');
  const { listen } = await import('./listen.js');
  const limits = resolveLimits({
    bodyBytes: flags.maxBody && flags.maxBody * 2 ** 20,
    bodyMs: flags.bodyTimeout && flags.bodyTimeout * 1000,
    picturePixels: flags.maxPixels,
    requestPictures: flags.maxPictures,
    clientPictures: flags.perClient,
    queuePictures: flags.queue,
  });
  const model = loadModel(folder);
  const name = basename(resolve(modelFolder(folder)));
  const app = createApp({
    model,
    name,
    token,
    cors: flags.cors,
    limits,
    onError: thrown => terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown)),
  });
  // Heard below; until then it must not count as unhandled.
  model.catch(() => {});
  const listening = await listen(app, { host, port, bodyMs: limits.bodyMs });
  let loaded: Awaited<typeof model> | undefined;
  try {
    loaded = await model;
    if (token === undefined && !/^(127\.|localhost$|::1$)/.test(host))
      terminal.message('warning: whoever reaches this address may ask; --token sets a secret');
    terminal.print(`${name}: ${listening.address}`);
    await aborted(terminal.signal);
    terminal.message('stopping: what was accepted is still answered');
  } finally {
    app.shutDown();
    await listening.close();
    await loaded?.close();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
