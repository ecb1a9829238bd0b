import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const versionOf = (path: string): string => (require(path) as { version: string }).version;

/** The version of eyeball itself. */
export const eyeballVersion = (): string => versionOf('../../../package.json');

/** The versions that a result depends on, by name. */
export function versions(): Record<string, string> {
  return {
    eyeball: eyeballVersion(),
    node: process.versions.node,
    onnxruntime: versionOf('onnxruntime-node/package.json'),
  };
}
