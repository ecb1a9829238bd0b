// Puts the service, the file readers and the decisions under load. Exits with 1 if it finds a fault.
//   node dist/bench/soak.js [requests|clients|fuzz|files|decisions ...] [--requests 20000] [--seconds 180] [--fuzz 2000]
import { parseArgs } from 'node:util';
import { inTemporaryFolder, machine } from './common.js';
import { soakClients } from './soak/clients.js';
import { decideAtOnce } from './soak/decisions.js';
import { soakFiles } from './soak/files.js';
import { soakFuzz } from './soak/fuzz.js';
import { soakRequests } from './soak/requests.js';
import { makeModel, serve } from './soak/service.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '180' },
    fuzz: { type: 'string', default: '2000' },
  },
});

/** The parts; each returns its faults. */
const SOAKS: Readonly<Record<string, (made: { data: string; model: string }) => Promise<string[]>>> = {
  requests: ({ model }) => soakRequests(model, Number(values.requests)),
  clients: ({ model }) => soakClients(model, Number(values.seconds)),
  fuzz: async ({ model, data }) => [
    ...(await soakFuzz(await serve(model), Number(values.fuzz), false)),
    ...(await soakFuzz(await serve('--data', data), Number(values.fuzz), true)),
    ...(await soakFuzz(await serve(model, '--data', data), Number(values.fuzz), true)),
  ],
  files: soakFiles,
  decisions: soakDecisions,
};

async function soakDecisions(): Promise<string[]> {
  let saved = 0;
  const faults: string[] = [];
  for (let round = 0; round < 10; round++) {
    const { saved: some, lost, refused } = await decideAtOnce(3, 500);
    saved += some;
    faults.push(...lost.map(image => `lost: ${image}`), ...refused);
  }
  console.log(`decisions: 10 rounds of 3 processes with 500 decisions each; ${saved} saved`);
  return faults;
}

const names = positionals.length > 0 ? positionals : Object.keys(SOAKS);
const unknown = names.find(name => !(name in SOAKS));
if (unknown !== undefined) throw new Error(`expected ${Object.keys(SOAKS).join(', ')}, got "${unknown}"`);
console.log(machine());
await inTemporaryFolder(async folder => {
  const made = await makeModel(folder);
  for (const name of names) {
    const began = performance.now();
    const faults = await SOAKS[name]!(made);
    console.log(`  ${((performance.now() - began) / 1000).toFixed(0)} s, ${faults.length} faults`);
    for (const fault of faults) console.error(`  ${name}: ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
});
