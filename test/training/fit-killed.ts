// Fits a small problem, saved after every step, and prints what it came to: for resume.test.ts, which kills it.
import { resumableFit, timeless } from './problems.js';

const [path] = process.argv.slice(2);
const result = await resumableFit({ path: path!, everySeconds: 0 });
console.log(JSON.stringify(timeless(result)));
