import type { WebDevice } from '../runtime-files.js';

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

/** A file of the export, as it must arrive. */
export interface ExportedFile {
  readonly sha256: string;
  readonly bytes: number;
}

/** What the page is told about its model, as JSON in the element `about`. */
export interface About {
  readonly target: string;
  readonly unit: string | null;
  /** The typical error, or the spread of the numbers where none was measured; how many digits are written depends on it. */
  readonly error: number;
  /** The ends of the bar below a number: those of the training data. */
  readonly lowest: number;
  readonly highest: number;
  /** The level of intervals where no other is asked for; null where the model has none. */
  readonly level: number | null;
  /** Whether it can find faces in photos. */
  readonly faces: boolean;
  /** What it is to compute on; null for the GPU where there is one, otherwise WebAssembly. */
  readonly device: WebDevice | null;
  /** The other files of the export, by path. */
  readonly files: Readonly<Record<string, ExportedFile>>;
}

/** Where the model lies in an exported folder. */
export const MODEL_FOLDER = 'model/';
/** Where the runtime lies in an exported folder. */
export const RUNTIME_FOLDER = 'runtime/';
/** The face detector's network, for models that were trained on faces. */
export const FACE_DETECTOR = `${MODEL_FOLDER}face-detector.onnx`;
