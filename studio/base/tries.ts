import type { Prediction } from '../../src/formats/http.js';
import type { ExplainAnswer } from '../../src/formats/studio-protocol.js';
import { apiUrl, ask, reasonOf, serviceUrl } from './api.js';
import { type Preview, previewOf } from './preview.js';
import { Store } from './store.js';

/** A face in an image, and what the model says of it. */
export interface TriedFace {
  /** In px of the upright image; turned by `angle` degrees clockwise about its middle. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly angle: number;
  /** Too few pixels for its number to be worth much. */
  readonly small?: boolean;
  readonly value: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
  readonly unusual?: boolean;
  readonly unlike?: Prediction['unlike'];
  readonly error?: string;
}

/** What the service says of an image. */
export interface TriedAnswer {
  /** Absent where faces were looked for: they have their own. */
  readonly value?: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
  readonly unusual?: boolean;
  readonly unlike?: Prediction['unlike'];
  readonly faces?: readonly TriedFace[];
  readonly error?: string;
}

/** A tried image, with its answer once it is known. */
export interface Tried {
  readonly id: number;
  readonly file: Blob;
  readonly name: string;
  /** Absent until it is made; null if the browser cannot show the file. */
  readonly preview?: Preview | null;
  /** The level of its intervals, above 0 and below 1; undefined without intervals. */
  readonly level: number | undefined;
  readonly answer?: TriedAnswer;
  readonly error?: string;
}

/** The tried images of this page, the newest first. */
export const tries = new Store<readonly Tried[]>([]);

const AT_ONCE = 4;
const KEPT = 200;
const waiting: { readonly tried: Tried; readonly query: string }[] = [];
let running = 0;
let count = 0;

const change = (id: number, changes: Partial<Tried>) => {
  tries.value = tries.value.map(tried => (tried.id === id ? { ...tried, ...changes } : tried));
};

/**
 * Predicts images, four at a time.
 *
 * @param options.level The level of the intervals, between 0 and 1. Default: that of the service.
 */
export function tryImages(
  files: Iterable<File>,
  options: { readonly faces: boolean; readonly level: number | undefined },
): void {
  const query = new URLSearchParams();
  if (options.faces) query.set('faces', 'true');
  if (options.level !== undefined) query.set('level', `${options.level}`);
  const added = [...files].map(
    (file): Tried => ({
      id: count++,
      file,
      name: file.name,
      level: options.level,
    }),
  );
  const all = [...added, ...tries.value];
  for (const { preview } of all.slice(KEPT)) if (preview) URL.revokeObjectURL(preview.url);
  tries.value = all.slice(0, KEPT);
  for (const tried of added) {
    void showPreview(tried.id, tried.file);
    waiting.push({ tried, query: `${query}` });
  }
  advance();
}

async function showPreview(id: number, file: Blob): Promise<void> {
  const preview = await previewOf(file);
  // The image may have been removed meanwhile.
  if (tries.value.some(tried => tried.id === id)) change(id, { preview });
  else if (preview) URL.revokeObjectURL(preview.url);
}

function advance(): void {
  while (running < AT_ONCE && waiting.length > 0) {
    const { tried, query } = waiting.shift()!;
    running++;
    predict(tried, query).finally(() => {
      running--;
      advance();
    });
  }
}

async function predict({ id, file, name }: Tried, query: string): Promise<void> {
  const body = new FormData();
  body.append('image', file, name);
  try {
    const response = await ask(serviceUrl(`v1/predict${query && `?${query}`}`), { method: 'POST', body });
    const { predictions } = (await response.json()) as { readonly predictions: readonly TriedAnswer[] };
    const answer = predictions[0]!;
    change(id, answer.error === undefined ? { answer } : { error: answer.error });
  } catch (error) {
    change(id, { error: reasonOf(error) });
  }
}

/**
 * The explanation of an image, or of the crop of one of its faces. Throws as `ask`.
 *
 * @param face The index of the face in the answer; undefined for the whole image.
 */
export async function explainTried(
  { file }: Tried,
  face: number | undefined,
  signal: AbortSignal,
): Promise<ExplainAnswer> {
  const headers = { 'Content-Type': file.type || 'application/octet-stream' };
  return (await ask(apiUrl('explain', { face }), { method: 'POST', headers, body: file, signal })).json();
}
