import type { WebDevice } from '../runtime-files.js';

/** The description of the export at the start of its `sw.js`. */
export interface Release {
  /** A hash of all its content, different for each export. */
  readonly version: string;
  /** The Content-Security-Policy of all responses of the service worker. */
  readonly policy: string;
  /** Files that are cached at the first visit; the others are cached when they are first requested. */
  readonly shell: readonly string[];
  /** The SHA-256 of each file by its path. */
  readonly files: Readonly<Record<string, string>>;
}

/** A file of the export, for checks. */
export interface ExportedFile {
  readonly sha256: string;
  readonly bytes: number;
}

/** The description of the model for the page, as JSON in the element `about`. */
export interface About {
  readonly target: string;
  readonly unit: string | null;
  /** The typical error, or the spread of the labels if none was measured; it determines the number of digits. */
  readonly error: number;
  /** The ends of the bar below a value: the range of the training labels. */
  readonly lowest: number;
  readonly highest: number;
  /** The default level of intervals; null if the model has none. */
  readonly level: number | null;
  /** Whether the model can find faces in photos. */
  readonly faces: boolean;
  /** The device; null for the GPU if there is one, otherwise WebAssembly. */
  readonly device: WebDevice | null;
  /** The other files of the export, by path. */
  readonly files: Readonly<Record<string, ExportedFile>>;
}

/** The path of the model in an exported folder. */
export const MODEL_FOLDER = 'model/';
/** The path of the runtime in an exported folder. */
export const RUNTIME_FOLDER = 'runtime/';
/** The face detector's network, for models that were trained on faces. */
export const FACE_DETECTOR = `${MODEL_FOLDER}face-detector.onnx`;
