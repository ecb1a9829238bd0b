/** The kind of an error, for programs: `input`, which the user can correct; `usage`, wrong options; the others as their classes. */
export type ErrorCode = 'input' | 'usage' | 'shape' | 'unsupported-op' | 'resource' | 'aborted';

/** The base class of all errors that eyeball throws on purpose; any other error is a bug. */
export class EyeballError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Input that the user can correct: a file, a folder, a label, an image. The command line exits with 1. */
export class InputError extends EyeballError {
  constructor(message: string, options?: ErrorOptions) {
    super('input', message, options);
  }
}

/** An invalid option, or options that cannot be combined. The command line exits with 2. */
export class UsageError extends EyeballError {
  constructor(message: string, options?: ErrorOptions) {
    super('usage', message, options);
  }
}

/** Shapes that do not fit an operation; thrown when a graph is built, never when it runs. */
export class ShapeError extends EyeballError {
  constructor(message: string, options?: ErrorOptions) {
    super('shape', message, options);
  }
}

/** An operation of a foreign ONNX file that eyeball does not support. */
export class UnsupportedOpError extends EyeballError {
  constructor(message: string, options?: ErrorOptions) {
    super('unsupported-op', message, options);
  }
}

/** A resource that the machine lacks: disk space, file descriptors, memory, a working disk. The command line exits with 1. */
export class ResourceError extends EyeballError {
  constructor(message: string, options?: ErrorOptions) {
    super('resource', message, options);
  }
}

/** The operation was aborted by its AbortSignal. The command line exits with 130. */
export class AbortedError extends EyeballError {
  constructor() {
    super('aborted', 'stopped before the end');
  }
}

/** An error text: `<where>: expected <what>, got <value>[; <way out>]`. */
export function expected(where: string, what: string, got: string, wayOut?: string): string {
  return `${where}: expected ${what}, got ${got}${wayOut === undefined ? '' : `; ${wayOut}`}`;
}

/** A violated invariant of eyeball: always a bug. */
export function internal(message: string): Error {
  return new Error(`internal: ${message}`);
}

/** The text of a thrown value as one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** Throws AbortedError once `signal` has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError();
}

const MAX_NAMED = 20;

/** One InputError for several faults: the summary and the first twenty texts, one per line. */
export function inputErrors(summary: string, faults: readonly string[]): InputError {
  const rest = faults.length - MAX_NAMED;
  const lines = faults.slice(0, MAX_NAMED);
  if (rest > 0) lines.push(`and ${rest} more`);
  return new InputError(faults.length === 1 ? faults[0]! : `${summary}\n${lines.map(line => `  ${line}`).join('\n')}`);
}
