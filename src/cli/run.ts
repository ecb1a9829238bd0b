import { Command, CommanderError } from 'commander';
import { eyeballVersion } from '../base/environment.js';
import { EyeballError, reasonOf } from '../base/errors.js';
import { withFlags } from './spelling.js';
import { Terminal } from './terminal.js';

const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs the command line `args` and resolves to the exit code: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. */
export async function run(args: readonly string[]): Promise<number> {
  const controller = new AbortController();
  // The second Ctrl-C does not wait for anything: the signal takes its usual way.
  const interrupt = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const terminal = new Terminal(controller);
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

/** A command as the list of all shows it; what it does is loaded where it is asked for, so that the list is there at once. */
interface Listed {
  readonly usage: string;
  readonly summary: string;
  load(terminal: Terminal): Promise<Command>;
}

const COMMANDS: readonly Listed[] = [
  {
    usage: 'demo',
    summary: 'see it all on drawn faces, offline',
    load: async terminal => (await import('./demo.js')).demoCommand(terminal),
  },
  {
    usage: 'inspect <data>',
    summary: 'look at a data set',
    load: async terminal => (await import('./inspect.js')).inspectCommand(terminal),
  },
  {
    usage: 'train <data>',
    summary: 'learn a number from images',
    load: async terminal => (await import('./train.js')).trainCommand(terminal),
  },
  {
    usage: 'evaluate <model> <data>',
    summary: 'measure a model on labelled images',
    load: async terminal => (await import('./evaluate.js')).evaluateCommand(terminal),
  },
  {
    usage: 'predict <model> <image...>',
    summary: 'name the number of images',
    load: async terminal => (await import('./predict.js')).predictCommand(terminal),
  },
  {
    usage: 'clean <data>',
    summary: 'find wrong labels, duplicates and bad images',
    load: async terminal => (await import('./clean.js')).cleanCommand(terminal),
  },
  {
    usage: 'compare <model...>',
    summary: 'set models side by side',
    load: async terminal => (await import('./compare.js')).compareCommand(terminal),
  },
  {
    usage: 'serve [model]',
    summary: 'answer over HTTP',
    load: async terminal => (await import('./serve.js')).serveCommand(terminal),
  },
  {
    usage: 'cache',
    summary: 'list or prune cached features and downloads',
    load: async terminal => (await import('./cache.js')).cacheCommand(terminal),
  },
  {
    usage: 'export <model>',
    summary: 'make a web page of a model',
    load: async terminal => (await import('./export.js')).exportCommand(terminal),
  },
];

/**
 * The command line with all its commands.
 *
 * @param isAsked Whether the command of this name is asked for; the others are only listed, without arguments and options.
 */
export async function program(terminal: Terminal, isAsked: (name: string) => boolean): Promise<Command> {
  const root = new Command('npx eyeball-ml')
    .description('Train, measure and run models that name a number from an image.')
    .version(eyeballVersion())
    .exitOverride()
    .showHelpAfterError('(npx eyeball-ml --help shows the commands, npx eyeball-ml COMMAND --help their options)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'eyeball: ')) })
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml demo                                      see it all on drawn faces, offline
  npx eyeball-ml train faces/train --out age               learn from folders named by numbers
  npx eyeball-ml evaluate age faces/test                   measure it, with a report to look at
  npx eyeball-ml predict age photo.jpg                     one number an image`,
    );
  for (const { usage, summary, load } of COMMANDS) {
    const [name, ...parameters] = usage.split(' ') as [string, ...string[]];
    const command = isAsked(name) ? await load(terminal) : new Command(name);
    if (command.registeredArguments.length === 0) for (const parameter of parameters) command.argument(parameter);
    root.addCommand(command.summary(summary).copyInheritedSettings(root));
  }
  return root;
}

function report(thrown: unknown, terminal: Terminal): number {
  if (terminal.unread) return EXIT.done;
  if (terminal.signal.aborted) {
    terminal.error('stopped');
    return EXIT.interrupted;
  }
  if (thrown instanceof EyeballError) {
    terminal.error(withFlags(thrown.message));
    return thrown.code === 'usage' ? EXIT.usage : EXIT.failed;
  }
  // A bug of ours: the stack is what a report of it needs.
  terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown));
  return EXIT.failed;
}
