// Prints the lines of studio and of each folder of src, files under 40 lines, and functions over 80 lines, which test/function-length.test.ts
// limits. Functions are found by the formatter's indentation: one ends at the next `}` with the indentation of its first line.
import { readdirSync, readFileSync } from 'node:fs';

const [SHORT_FILE, LONG_FUNCTION] = [40, 80];
const START =
  /^( *)(?:export )?(?:default )?(?:async )?(?:function\b|(?:const|let) \w+ = .*(?:=> \{|\()$|(?!if|for|while|switch|catch)[\w ]+\(.*$)/;

const files = ['src', 'studio'].flatMap(root =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .sort()
    .map(name => `${root}/${name.replaceAll('\\', '/')}`)
    .map(name => ({ name, lines: readFileSync(name, 'utf8').trimEnd().split('\n') })),
);

const print = (name, group) => {
  const sum = group.reduce((total, { lines }) => total + lines.length, 0);
  console.log(`${name.padEnd(18)}${String(sum).padStart(7)} lines in ${group.length} files`);
};
const folderOf = ({ name }) => /^src\/[^/]+(?=\/)|^studio/.exec(name)?.[0] ?? 'src/*.ts';
for (const folder of new Set(files.map(folderOf)))
  print(
    folder,
    files.filter(file => folderOf(file) === folder),
  );
print('all', files);

const short = files.filter(({ lines }) => lines.length < SHORT_FILE);
console.log(`\n${short.length} files under ${SHORT_FILE} lines`);
for (const { name, lines } of short) console.log(`${String(lines.length).padStart(6)}  ${name}`);

const long = files.flatMap(({ name, lines }) =>
  lines.flatMap((line, i) => {
    const indent = START.exec(line)?.[1];
    if (indent === undefined || !/[{(]$/.test(line)) return [];
    const at = (from, mark) => lines.findIndex((other, place) => place > from && other.startsWith(indent + mark));
    // A header of several lines ends with `) {` or `) => {`; any other call is no function.
    const header = line.endsWith('(') ? at(i, ')') : i;
    if (!lines[header]?.endsWith('{')) return [];
    // Parameters in braces end with `}) {`.
    let end = at(header, '}');
    while (lines[end]?.endsWith('{')) end = at(end, '}');
    const length = end - i + 1;
    return length > LONG_FUNCTION ? [{ where: `${name}:${i + 1}`, length, line: line.trim() }] : [];
  }),
);
console.log(`\n${long.length} functions over ${LONG_FUNCTION} lines`);
for (const { where, length, line } of long) console.log(`${String(length).padStart(6)}  ${where}  ${line}`);
