/** What stands before the service worker's code in an exported `sw.js`: what this export consists of. */
export interface Release {
  /** Of all its content; another export has another one. */
  readonly version: string;
  /** The Content-Security-Policy of everything that the service worker hands out. */
  readonly policy: string;
  /** Files that are kept from the first visit on; the others once they were asked for. */
  readonly shell: readonly string[];
  /** The SHA-256 of each file by its path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What the page is told about its model, as JSON in the element `about`. */
export interface About {
  readonly unit: string | null;
  /** The typical error, or the spread of the numbers where none was measured; how many digits are written depends on it. */
  readonly error: number;
  /** The ends of the bar below a number: those of the training data. */
  readonly lowest: number;
  readonly highest: number;
  readonly modelBytes: number;
}

/** Where the model lies in an exported folder. */
export const MODEL_FOLDER = 'model/';
/** Where the runtime lies in an exported folder. */
export const RUNTIME_FOLDER = 'runtime/';
