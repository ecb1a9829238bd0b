import { Command, CommanderError } from 'commander';
import { EyeballError, reasonOf } from '../base/errors.js';
import { eyeballVersion } from '../base/versions.js';
import { cleanCommand } from './clean.js';
import { compareCommand } from './compare.js';
import { demoCommand } from './demo.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { inspectCommand } from './inspect.js';
import { predictCommand } from './predict.js';
import { serveCommand } from './serve.js';
import { Terminal } from './terminal.js';
import { trainCommand } from './train.js';

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
    await program(terminal).parseAsync(args, { from: 'user' });
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

function program(terminal: Terminal): Command {
  const root = new Command('eyeball')
    .description('Train, measure and run models that name a number from a picture.')
    .version(eyeballVersion())
    .exitOverride()
    .showHelpAfterError('(eyeball --help shows the commands, eyeball COMMAND --help their options)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'eyeball: ')) })
    .addHelpText(
      'after',
      `
Examples:
  eyeball demo                                      see it all on drawn faces, offline
  eyeball train faces/train --out age               learn from folders named by numbers
  eyeball evaluate age faces/test                   measure it, with a report to look at
  eyeball predict age photo.jpg                     one number a picture`,
    );
  for (const command of [
    demoCommand,
    inspectCommand,
    trainCommand,
    evaluateCommand,
    predictCommand,
    cleanCommand,
    compareCommand,
    serveCommand,
    exportCommand,
  ]) {
    root.addCommand(command(terminal).copyInheritedSettings(root));
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
    terminal.error(thrown.message);
    return thrown.code === 'usage' ? EXIT.usage : EXIT.failed;
  }
  // A bug of ours: the stack is what a report of it needs.
  terminal.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : reasonOf(thrown));
  return EXIT.failed;
}
