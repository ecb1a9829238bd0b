import { Command } from 'commander';
import { JSON_HELP } from './options.js';
import type { Terminal } from './terminal.js';

interface Flags {
  readonly all?: boolean;
  readonly json?: boolean;
}

export function backbonesCommand(terminal: Terminal): Command {
  return new Command('backbones')
    .description(
      'List the networks that --backbone downloads, with size, license, image size and speed: fast needs up to 1 billion multiplications for an image, medium 5, slow 20. face and objects are included and need no download.',
    )
    .option('--all', 'list every architecture of timm that eyeball builds, as timm/NAME')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      `
Examples:
  npx eyeball-ml backbones
  npx eyeball-ml backbones --all --json`,
    )
    .action(async ({ all, json }: Flags) => {
      const { listBackbones } = await import('../verbs/list-backbones.js');
      const backbones = listBackbones({ all });
      if (json) {
        terminal.printJson({ backbones });
        return;
      }
      const head = ['name', 'family', 'features', 'parameters', 'weights', 'image', 'speed', 'license'];
      const rows = backbones.map(({ name, family, features, parametersM, sizeMb, sizePx, speed, license }) => [
        name,
        family,
        `${features}`,
        `${parametersM.toFixed(1)} M`,
        `${sizeMb.toFixed(0)} MB`,
        `${sizePx} px`,
        speed,
        license,
      ]);
      const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => row[column]!.length)));
      const line = (row: readonly string[]) =>
        row.map((cell, i) => (i >= 2 && i <= 5 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ');
      terminal.print([head, ...rows].map(row => line(row).trimEnd()).join('\n'));
    });
}
