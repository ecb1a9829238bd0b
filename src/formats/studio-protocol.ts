import * as z from 'zod';
import type { Prediction } from './http.js';
import { fits } from './resize.js';

// The API of the studio's pages, below /studio/api. Files are named by their path in the dataset. Errors are problem+json.

/** GET state. */
export interface StudioState {
  /** The served model; null if there is none. */
  readonly model: StudioModel | null;
  /** The dataset; null without `--data`: then there is only the page Try. */
  readonly data: StudioData | null;
  /** The running or last job; null before the first. */
  readonly job: Job | null;
  /** Whether jobs and decisions are possible: false if the decisions file cannot be written. */
  readonly writable: boolean;
}

export interface StudioModel {
  /** The name of its folder. */
  readonly name: string;
  readonly target: string;
  readonly unit: string | null;
  readonly images: number;
  readonly backbone: string;
  /** RMSE on the held-out images; null if there were none. */
  readonly rmse: number | null;
  readonly intervals: boolean;
  /** Whether `/v1/predict?faces=true` is possible. */
  readonly faces: boolean;
}

export interface StudioData {
  /** As the user wrote it. */
  readonly shown: string;
  /** The test data, as the user wrote it; null if there is none. */
  readonly test: string | null;
  readonly target: string;
  readonly unit: string | null;
  /** Which of the two PUT naming accepts: those that neither the data nor the command line sets. */
  readonly canBeNamed: { readonly target: boolean; readonly unit: boolean };
  readonly images: number;
  readonly skipped: number;
  readonly labels: { readonly min: number; readonly max: number; readonly mean: number; readonly std: number };
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly images: number }[];
  /** The decisions file. */
  readonly decisionsFile: string;
  /** SHA-256, in hex, of the dataset and the path of the decisions file; each decision names it. */
  readonly fingerprint: string;
  /** The number of decisions of all clients. */
  readonly revision: number;
  readonly decided: { readonly kept: number; readonly set: number; readonly dropped: number };
}

/** A decision about a label. */
export type ShownDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'set'; readonly value: number }
  | { readonly kind: 'drop' };

/** An image of the dataset. */
export interface StudioSample {
  readonly file: string;
  /** The label in the data, before decisions. */
  readonly label: number;
  readonly decision: ShownDecision | null;
  /** Of the last evaluation; absent before it, and for unreadable images. */
  readonly value?: number;
  readonly low?: number | null;
  readonly high?: number | null;
  /** Of the last search for wrong labels; absent before it. */
  readonly suggested?: number;
  readonly score?: number;
  readonly kinds?: readonly string[];
}

/** The query of GET samples. */
export const samplesQuery = z.strictObject({
  /** Labels from `from` (included) to `to` (excluded, as for the histogram's bars; included if both are equal). */
  from: z.coerce.number().optional(),
  to: z.coerce.number().optional(),
  /** Part of the file's path, case-insensitive. */
  search: z.string().max(200).optional(),
  show: z.enum(['all', 'decided', 'suspicious', 'broken']).default('all'),
  sort: z.enum(['file', 'label', '-label', 'score', 'error']).default('file'),
  /** Sets `place` of the answer: of a file, or with `sort=label` and `-label` of the first label that reaches a value. */
  file: z.string().max(4096).optional(),
  value: z.coerce.number().optional(),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(60),
});

/** GET samples: one page of them. With `show=broken` `samples` is empty and `broken` has the page. */
export interface SamplesAnswer {
  readonly total: number;
  /** The index of the query's `file` or `value`, from 0; null if it is not among the images; absent if the query has neither. */
  readonly place?: number | null;
  /** Whether sorting by errors and by suspicion is possible. */
  readonly known: { readonly errors: boolean; readonly doubts: boolean };
  readonly samples: readonly StudioSample[];
  readonly broken: readonly { readonly file: string; readonly reason: string }[];
}

const EDGE = 'expected a whole number from 32 to 1600';

/** The query of GET image and of GET results/image: the image as WebP, its longer edge at most `edge` px. 404 for files outside the data. */
export const imageQuery = z.object({
  file: z.string().default(''),
  edge: z.coerce.number(EDGE).int(EDGE).min(32, EDGE).max(1600, EDGE).default(160),
});

/** POST jobs: starts one; 409 while another runs. */
export const jobRequest = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('train'),
    /** The name of a new folder beside the studio's other models. */
    name: z.string().regex(/^[\w][\w.-]{0,63}$/, 'expected a name of letters, digits, dot, dash or underscore'),
    backbone: z.string().max(100).default('auto'),
    tune: z.enum(['head', 'last', 'all']).default('head'),
    head: z.enum(['linear', 'mlp']).optional(),
    epochs: z.number().int().min(1).max(1000).optional(),
    learningRate: z.number().positive().max(10).optional(),
    batch: z.number().int().min(1).max(1024).optional(),
    augment: z.enum(['none', 'flip', 'face', 'photo']).default('none'),
    /** How images become square. Default: as the backbone's weights say. */
    fit: z.enum(fits).optional(),
    /** The lowest and the highest possible value. */
    min: z.number().optional(),
    max: z.number().optional(),
    seed: z.number().int().min(0).default(0),
    /** Resumes the stopped run of this name from its checkpoint. */
    resume: z.boolean().default(false),
    /** Moves an existing model of this name aside. */
    force: z.boolean().default(false),
  }),
  /** Evaluates the model on the test data, or on the data without test data. */
  z.strictObject({ kind: z.literal('evaluate') }),
  /** Searches for wrong labels. */
  z.strictObject({ kind: z.literal('clean'), seed: z.number().int().min(0).default(0) }),
]);
export type JobRequest = z.infer<typeof jobRequest>;
/** A request for a job, in which fields with defaults are optional. */
export type JobOrder = z.input<typeof jobRequest>;

/** A training, an evaluation or a label search. */
export interface Job {
  readonly id: number;
  readonly request: JobRequest;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly startedAt: string;
  readonly seconds: number;
  /** `extracting features`; null before the first progress and after the end. */
  readonly progress: {
    readonly phase: string;
    /** The current part of the phase: `epoch 3 of 30`. */
    readonly detail?: string | undefined;
    readonly done: number;
    readonly total: number;
    readonly unit: string;
    /** Units of this phase per second; null until it can be estimated. */
    readonly rate: number | null;
    readonly secondsLeft: number | null;
  } | null;
  /** The progress of the whole job; null before the first progress and after the end. */
  readonly overall: {
    /** `Training the head`: step `at` of `of`. */
    readonly step: string;
    readonly at: number;
    readonly of: number;
    /** From 0 to 1; it never falls. */
    readonly share: number;
    /** Of the whole job; null until it can be estimated. */
    readonly secondsLeft: number | null;
  } | null;
  /** One entry per epoch of gradient descent. */
  readonly epochs: readonly {
    readonly epoch: number;
    readonly trainMse: number;
    readonly valMse: number | null;
    readonly seconds: number;
  }[];
  /** Reference errors for those of the epochs; null until known, and for other jobs. */
  readonly reference: {
    /** Of the baseline (always predicting the mean of the training labels) on the held-out images; null if there are none. */
    readonly baselineMse: number | null;
    /** Before fine-tuning: epoch 0. */
    readonly startMse: number | null;
  } | null;
  /** The outcome of a training; null before its end, and for other jobs. */
  readonly outcome: {
    /** On the held-out images; null if there were none. */
    readonly rmse: number | null;
    /** The epoch of the kept weights, 0 for the start; null without epochs. */
    readonly bestEpoch: number | null;
  } | null;
  /** The last 50 messages. */
  readonly messages: readonly string[];
  /** Why it failed, in one line. */
  readonly error: string | null;
  /** Whether the training can be resumed (`resume: true` with the same fields). */
  readonly resumable: boolean;
}

/** GET recipe: the defaults of a training. */
export interface TrainingAdvice {
  /** For training only the head, and for fine-tuning. */
  readonly head: { readonly epochs: number; readonly learningRate: number; readonly batch: number };
  readonly network: { readonly epochs: number; readonly learningRate: number; readonly batch: number };
  /** Whether most images show one face; null until known: then a `state` event follows. */
  readonly showsFaces: boolean | null;
}

const word = z
  .string()
  .trim()
  .min(1)
  .max(60)
  .regex(/^[^\p{Cc}]*$/u, 'expected a name without control characters');

/** PUT naming: the name and the unit of the target; null where they are not named here. 204. Also the file `studio.json` beside the decisions. */
export const namingSchema = z.strictObject({ target: word.nullable(), unit: word.nullable() });
export type Naming = z.infer<typeof namingSchema>;

/** The file `labels.neighbours.json`, beside the table of a label search: what the table does not hold. */
export const labelSearchSchema = z.object({
  version: z.literal(1),
  wrongShare: z.number(),
  /** The nearest images of each suspicious one, by file. */
  neighbours: z.record(z.string(), z.array(z.object({ file: z.string(), label: z.number() }))),
});

// DELETE jobs/:id: stops it (204); it ends as 'stopped' soon after.

// GET events: server-sent events. `job` with a Job, at the start and as it changes (at most 4 a second); `decision` with DecisionEvent for
// each decision of any client; `state` without data when state, results and review must be fetched again. A comment every 15 s keeps it open.

/** The data of a `decision` event. */
export interface DecisionEvent {
  readonly revision: number;
  readonly file: string;
  readonly decision: ShownDecision | null;
}

/** GET results: the last evaluation of the model; 404 before the first. */
export interface Results {
  /** The evaluated data, as the user wrote it, and whether the model was trained on it. */
  readonly data: string;
  readonly ownTraining: boolean;
  readonly images: number;
  readonly rmse: number;
  readonly mae: number;
  /** Null for a single image. */
  readonly r2: number | null;
  readonly bias: number;
  /** Of always predicting the mean. */
  readonly baseline: { readonly rmse: number; readonly mae: number };
  readonly coverage90: number | null;
  readonly intervalWidth90: number | null;
  readonly byGroup: readonly {
    readonly from: number;
    readonly to: number;
    readonly images: number;
    readonly mae: number;
    readonly bias: number;
    readonly coverage90: number | null;
  }[];
  /** For example leakage, or too few images. */
  readonly warnings: readonly string[];
  /** All evaluated images. */
  readonly points: readonly {
    readonly file: string;
    readonly label: number;
    readonly value: number;
    readonly low: number | null;
    readonly high: number | null;
  }[];
}

/** GET review: the suspicious labels, the most suspicious first; 404 before the first search (a `clean` job). */
export interface Review {
  readonly wrongShare: number;
  readonly revision: number;
  readonly items: readonly {
    readonly file: string;
    readonly label: number;
    readonly suggested: number;
    readonly score: number;
    readonly kinds: readonly string[];
    /** The most similar images, by the model's features. */
    readonly neighbours: readonly { readonly file: string; readonly label: number }[];
    readonly decision: ShownDecision | null;
  }[];
}

/** PUT decision: decides about an image; null takes a decision back. It is saved when the answer (DecisionEvent) is sent. */
export const decisionRequest = z.strictObject({
  /** The fingerprint in the state: 409, without a DecisionEvent, if the service has another dataset. */
  fingerprint: z.string('expected the fingerprint of the data in the state').max(64),
  file: z.string().min(1).max(4096),
  decision: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('keep') }),
      z.strictObject({ kind: z.literal('set'), value: z.number() }),
      z.strictObject({ kind: z.literal('drop') }),
    ])
    .nullable(),
  /** The current decision, as far as the page knows: 409, with the current DecisionEvent, if it is another one. */
  expected: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('keep') }),
      z.strictObject({ kind: z.literal('set'), value: z.number() }),
      z.strictObject({ kind: z.literal('drop') }),
    ])
    .nullable(),
});
export type DecisionRequest = z.infer<typeof decisionRequest>;

/** The query of POST explain; without `file`, the image is the body. */
export const explainQuery = z.strictObject({
  /** Explains the crop of this face, in the order of `/v1/predict?faces=true`, not the whole image. */
  face: z.coerce.number().int().min(0).max(63).optional(),
  /** An image of the data, or of the evaluated data. */
  file: z.string().min(1).max(4096).optional(),
  of: z.enum(['data', 'results']).default('data'),
});

/** POST explain: which parts of an image or of a face raise and lower its prediction. One at a time. */
export interface ExplainAnswer {
  /** The explained prediction. */
  readonly value: number;
  /** The prediction for the blurred image. */
  readonly baseline: number;
  readonly method: 'cam' | 'gradient' | 'occlusion';
  /** The effect of blurring the most strongly marked tenth, relative to a random tenth; null if random ones have no effect. */
  readonly ratio: number | null;
  /** The number of `draws` random tenths with a smaller effect. */
  readonly beats: number;
  readonly draws: number;
  /** A transparent PNG overlay of the image or the crop, as a data URI: warm raises, cool lowers. */
  readonly overlay: string;
  /** What the model reads, as a data URI: the crop of a face, or the image cropped or padded; null for the whole image. */
  readonly crop: string | null;
}

/** The query of GET sample. */
export const sampleQuery = z.strictObject({
  file: z.string().min(1).max(4096),
  of: z.enum(['data', 'results']).default('data'),
});

/** GET sample: the details of an image of the data, or of the evaluated data. */
export interface SampleDetail {
  readonly file: string;
  readonly label: number;
  /** The other columns of its row. */
  readonly columns: Readonly<Record<string, string>>;
  /** Whether its label can be decided about: images of `--test` cannot. */
  readonly decidable: boolean;
  readonly decision: ShownDecision | null;
  /** By the current model, with the 90 % interval; null without a model. */
  readonly prediction: {
    readonly value: number;
    readonly low: number | null;
    readonly high: number | null;
    readonly unusual: boolean;
    /** How; present where `unusual` is true. */
    readonly unlike?: NonNullable<Prediction['unlike']>;
  } | null;
  /** The reason why the model has no prediction. */
  readonly error: string | null;
  /** Of the last search for wrong labels; null before it, and for images outside of it. */
  readonly doubt: { readonly suggested: number; readonly score: number; readonly kinds: readonly string[] } | null;
  /** The most similar other training images, by the model's features. */
  readonly neighbours: readonly {
    readonly file: string;
    readonly label: number;
    /** Whether the file is an image of the data. */
    readonly isData: boolean;
    /** A thumbnail as a data URI; null if the file is gone or has changed since the training. */
    readonly thumbnail: string | null;
  }[];
}

// POST session with the bearer token: 204 and a cookie (HttpOnly, SameSite=Strict), for <img> and event streams. Without a token of the
// service no session is needed; otherwise GET state answers 401 without it.
