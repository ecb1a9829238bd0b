import { Command } from 'commander';
import { JSON_HELP } from './options.js';
import { withFlags } from './spelling.js';
import type { Terminal } from './terminal.js';

export function devicesCommand(terminal: Terminal): Command {
  return new Command('devices')
    .description('List what --device can name: whether this machine has it, what is missing, and how to install that.')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml devices
  npx eyeball-ml devices --json`,
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { listDevices } = await import('../verbs/list-devices.js');
      const devices = await listDevices();
      if (json) {
        terminal.printJson({ devices });
        return;
      }
      for (const { device, usable, name, software, missing, install } of devices) {
        const text = usable
          ? `${name}${software ? ' (a program in place of a GPU, slow)' : ''}`
          : `no: ${missing}; ${install}`;
        terminal.print(`${device.padEnd(8)}${withFlags(text)}`);
      }
    });
}
