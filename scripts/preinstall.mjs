// npm runs this before the install scripts of dependencies. That of onnxruntime-node downloads CUDA libraries of some hundred megabytes on
// every Linux x64, with a GPU or without, and fails where its host cannot be reached. eyeball needs none of them, so here they are left out
// unless ONNXRUNTIME_NODE_INSTALL asks for them.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const FIRST_LINE =
  "process.env.ONNXRUNTIME_NODE_INSTALL ??= process.env.npm_config_onnxruntime_node_install ?? 'skip';\n";

/** The script that onnxruntime-node runs on installation; undefined where it does not lie beside or above this package. */
function findScript() {
  const folders = createRequire(import.meta.url).resolve.paths('onnxruntime-node') ?? [];
  return folders.map(folder => join(folder, 'onnxruntime-node', 'script', 'install.js')).find(existsSync);
}

const script = findScript();
if (script !== undefined && process.env.npm_config_user_agent?.startsWith('npm/')) {
  const text = readFileSync(script, 'utf8');
  if (!text.startsWith(FIRST_LINE)) {
    // A new file in its place, since package managers may keep one file for several projects.
    const beside = join(dirname(script), `install.${process.pid}.js`);
    writeFileSync(beside, FIRST_LINE + text);
    renameSync(beside, script);
  }
}
