// One writer: decides about COUNT images of its own in FILE, one after the other, and prints those that the store acknowledged, as JSON.
//   node dist/bench/soak/decide-many.js FILE WRITER COUNT
import { DecisionStore } from '../../src/serving/studio/decision-store.js';

const [file, writer, count] = process.argv.slice(2) as [string, string, string];
const store = await DecisionStore.open(file);
const saved: string[] = [];
const refused: string[] = [];
for (let i = 0; i < Number(count); i++) {
  const image = `${writer}/${i}.jpg`;
  try {
    await store.decide({ file: image, decision: { kind: 'set', value: i }, expected: null });
    saved.push(image);
  } catch (thrown) {
    refused.push(`${image}: ${(thrown as Error).message}`);
  }
}
console.log(JSON.stringify({ saved, refused }));
