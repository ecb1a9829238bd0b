// Prints the lines of each folder of src, files under 40 lines, and functions over 80 lines. Functions are found by the formatter's
// indentation: one ends at the next `}` with the indentation of its first line.
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';

const [SHORT_FILE, LONG_FUNCTION] = [40, 80];
const START =
  /^( *)(?:export )?(?:default )?(?:async )?(?:function\b|(?:const|let) \w+ = .*(?:=> \{|\()$|(?!if|for|while|switch|catch)[\w ]+\(.*$)/;

const names = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name));
const files = names
  .sort()
  .map(name => ({ name, lines: readFileSync(join('src', name), 'utf8').trimEnd().split('\n') }));

const rooms = new Map();
for (const { name, lines } of files) {
  const room = name.includes(sep) ? name.split(sep)[0] : '.';
  const [count, total] = rooms.get(room) ?? [0, 0];
  rooms.set(room, [count + 1, total + lines.length]);
}
const sum = files.reduce((total, { lines }) => total + lines.length, 0);
for (const [room, [count, total]] of rooms)
  console.log(`${room.padEnd(14)}${String(total).padStart(7)} lines in ${count} files`);
console.log(`${'src'.padEnd(14)}${String(sum).padStart(7)} lines in ${files.length} files`);

const short = files.filter(({ lines }) => lines.length < SHORT_FILE);
console.log(`\n${short.length} files under ${SHORT_FILE} lines`);
for (const { name, lines } of short) console.log(`${String(lines.length).padStart(6)}  ${name}`);

const long = files.flatMap(({ name, lines }) =>
  lines.flatMap((line, i) => {
    const indent = START.exec(line)?.[1];
    if (indent === undefined || !/[{(]$/.test(line)) return [];
    // A header of several lines ends with `) {` or `) => {`; any other call is no function.
    const at = (from, mark) => lines.findIndex((other, place) => place > from && other.startsWith(indent + mark));
    const header = line.endsWith('(') ? at(i, ')') : i;
    if (!lines[header]?.endsWith('{')) return [];
    const end = at(header, '}');
    const length = end - i + 1;
    return length > LONG_FUNCTION ? [{ where: `${name}:${i + 1}`, length, line: line.trim() }] : [];
  }),
);
console.log(`\n${long.length} functions over ${LONG_FUNCTION} lines`);
for (const { where, length, line } of long) console.log(`${String(length).padStart(6)}  ${where}  ${line}`);
