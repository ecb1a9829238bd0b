import { Command, CommanderError } from 'commander';
import { eyeballVersion } from '../base/environment.js';
import { EyeballError, reasonOf } from '../base/errors.js';
import { withFlags } from './spelling.js';
import { Terminal } from './terminal.js';

const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs a command line and resolves to its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
export async function run(args: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const terminal = new Terminal(controller);
  // Another Ctrl-C after the work was stopped ends the process at once, by the default action of the signal.
  const interrupt = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    if (signal === 'SIGINT') terminal.interrupt();
    else controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const root = await program(terminal, name => args.includes(name));
    await root.parseAsync(args, { from: 'user' });
    return terminal.failed ? EXIT.failed : EXIT.done;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
    return report(thrown, terminal);
  } finally {
    terminal.close();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** An entry of the list of commands; its module is loaded only if the command is given, so that --help is fast. */
interface Listed {
  readonly usage: string;
  readonly summary: string;
  load(terminal: Terminal): Promise<Command>;
}

const COMMANDS: readonly Listed[] = [
  {
    usage: 'demo',
    summary: 'run all steps on drawn faces, offline',
    load: async terminal => (await import('./demo.js')).demoCommand(terminal),
  },
  {
    usage: 'inspect <data>',
    summary: 'check the images and labels of a dataset',
    load: async terminal => (await import('./inspect.js')).inspectCommand(terminal),
  },
  {
    usage: 'train <data>',
    summary: 'train a model on labeled images',
    load: async terminal => (await import('./train.js')).trainCommand(terminal),
  },
  {
    usage: 'evaluate <model> <data>',
    summary: 'evaluate a model on labeled images',
    load: async terminal => (await import('./evaluate.js')).evaluateCommand(terminal),
  },
  {
    usage: 'adapt <model> <data>',
    summary: 'adapt a model to images of another source',
    load: async terminal => (await import('./adapt.js')).adaptCommand(terminal),
  },
  {
    usage: 'predict <model> <image...>',
    summary: 'predict the values of images',
    load: async terminal => (await import('./predict.js')).predictCommand(terminal),
  },
  {
    usage: 'clean <data>',
    summary: 'find wrong labels, duplicates and bad images',
    load: async terminal => (await import('./clean.js')).cleanCommand(terminal),
  },
  {
    usage: 'compare <model...>',
    summary: 'compare models side by side',
    load: async terminal => (await import('./compare.js')).compareCommand(terminal),
  },
  {
    usage: 'serve [model]',
    summary: 'serve predictions over HTTP, and the studio',
    load: async terminal => (await import('./serve.js')).serveCommand(terminal),
  },
  {
    usage: 'backbones',
    summary: 'list networks that can be downloaded',
    load: async terminal => (await import('./backbones.js')).backbonesCommand(terminal),
  },
  {
    usage: 'devices',
    summary: 'list the CPU and GPUs that can compute',
    load: async terminal => (await import('./devices.js')).devicesCommand(terminal),
  },
  {
    usage: 'cache',
    summary: 'list or prune cached features and downloads',
    load: async terminal => (await import('./cache.js')).cacheCommand(terminal),
  },
  {
    usage: 'export <model>',
    summary: 'write a web page that runs a model',
    load: async terminal => (await import('./export.js')).exportCommand(terminal),
  },
];

/**
 * The command line with all its commands.
 *
 * @param isGiven Whether the arguments name this command; the others are listed without options.
 */
export async function program(terminal: Terminal, isGiven: (name: string) => boolean): Promise<Command> {
  const root = new Command('npx eyeball-ml')
    .description('Image regression: train, evaluate and run models that predict a value from an image.')
    .version(eyeballVersion())
    .exitOverride()
    .showHelpAfterError('(npx eyeball-ml --help shows the commands, npx eyeball-ml COMMAND --help their options)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'eyeball: ')) })
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml demo                          # all steps on drawn faces, offline
  npx eyeball-ml train faces/train --out age   # from folders named by their label
  npx eyeball-ml evaluate age faces/test       # errors and a report
  npx eyeball-ml predict age photo.jpg         # a value and its interval`,
    );
  for (const { usage, summary, load } of COMMANDS) {
    const [name, ...parameters] = usage.split(' ') as [string, ...string[]];
    const command = isGiven(name) ? await load(terminal) : new Command(name);
    if (command.registeredArguments.length === 0) for (const parameter of parameters) command.argument(parameter);
    root.addCommand(command.summary(summary).copyInheritedSettings(root));
  }
  return root;
}

function report(thrown: unknown, terminal: Terminal): number {
  if (terminal.isClosed) return EXIT.done;
  if (terminal.signal.aborted) {
    terminal.error('stopped');
    return EXIT.interrupted;
  }
  if (thrown instanceof EyeballError) {
    terminal.error(withFlags(thrown.message));
    return thrown.code === 'usage' ? EXIT.usage : EXIT.failed;
  }
  // A bug in eyeball: print the stack, for the bug report.
  terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown));
  return EXIT.failed;
}
