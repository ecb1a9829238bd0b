import * as z from 'zod';
import type { Prediction } from './http.js';

// What the studio's pages and its server say to each other, below /studio/api. Files are named by their path in the data set; the
// pages import types from here and nothing else. Refusals are problem+json, as everywhere in the service.

/** GET state: what is there to work with. */
export interface StudioState {
  /** The model that `serve` was given or the studio trained last; null where there is none. */
  readonly model: StudioModel | null;
  /** The data set; null where `serve` got no `--data`: then only Try is there. */
  readonly data: StudioData | null;
  /** The job that runs or ran last; null before the first. */
  readonly job: Job | null;
  /** Whether another job may be started or decisions be taken: false where the data's decisions file cannot be written. */
  readonly writable: boolean;
}

export interface StudioModel {
  /** The name of its folder. */
  readonly name: string;
  readonly target: string;
  readonly unit: string | null;
  readonly images: number;
  readonly backbone: string;
  /** RMSE on the images held out in training; null where there were none. */
  readonly rmse: number | null;
  readonly intervals: boolean;
  /** Whether `/v1/predict?faces=true` can be asked. */
  readonly faces: boolean;
}

export interface StudioData {
  /** As the user wrote it. */
  readonly shown: string;
  /** The data that models are measured on, as the user wrote it; null where that is this data. */
  readonly test: string | null;
  readonly target: string;
  readonly unit: string | null;
  /** Which of the two PUT naming takes: those that neither the data nor the command line names. */
  readonly canBeNamed: { readonly target: boolean; readonly unit: boolean };
  readonly images: number;
  readonly skipped: number;
  readonly labels: { readonly min: number; readonly max: number; readonly mean: number; readonly std: number };
  readonly histogram: readonly { readonly from: number; readonly to: number; readonly images: number }[];
  /** The decisions file. */
  readonly decisionsFile: string;
  /** Which data set and decisions file these are, as a SHA-256 in hex: see `workplaceFingerprint`. Each decision names it. */
  readonly fingerprint: string;
  /** Counts one up with every decision of anybody. */
  readonly revision: number;
  readonly decided: { readonly kept: number; readonly set: number; readonly dropped: number };
}

/** A decision about a label, as the pages show it. */
export type ShownDecision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'set'; readonly value: number }
  | { readonly kind: 'drop' };

/** One image of the data set. */
export interface StudioSample {
  readonly file: string;
  /** The label in the data, before decisions. */
  readonly label: number;
  readonly decision: ShownDecision | null;
  /** Of the last evaluation; absent before it, and for images that it could not read. */
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
  /** Labels from `from`, included, to `to`, excluded, as the histogram's bars are; included too where both are the same. */
  from: z.coerce.number().optional(),
  to: z.coerce.number().optional(),
  /** Part of the file's path, upper and lower case alike. */
  search: z.string().max(200).optional(),
  show: z.enum(['all', 'decided', 'suspicious', 'broken']).default('all'),
  sort: z.enum(['file', 'label', '-label', 'score', 'error']).default('file'),
  /** Where in the order of the answer a file is, or with `sort=label` and `-label` the first label that reaches a value: see `place`. */
  file: z.string().max(4096).optional(),
  value: z.coerce.number().optional(),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(60),
});

/** GET samples: one page of them. With `show=broken` `samples` is empty and `broken` has the page. */
export interface SamplesAnswer {
  readonly total: number;
  /** From 0: where the `file` or `value` of the query is; null where it is not among them. Absent where the query has neither. */
  readonly place?: number | null;
  /** Whether anything is known to sort by errors, and by suspicion. */
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
    backbone: z.string().max(100).default('face'),
    tune: z.enum(['head', 'last', 'all']).default('head'),
    head: z.enum(['linear', 'mlp']).optional(),
    epochs: z.number().int().min(1).max(1000).optional(),
    learningRate: z.number().positive().max(10).optional(),
    batch: z.number().int().min(1).max(1024).optional(),
    augment: z.enum(['none', 'flip', 'face', 'photo']).default('none'),
    /** The lowest and the highest value that is possible. */
    min: z.number().optional(),
    max: z.number().optional(),
    seed: z.number().int().min(0).default(0),
    /** Goes on from the checkpoint of a run of this name that was stopped. */
    resume: z.boolean().default(false),
    /** Moves an older model of this name aside. */
    force: z.boolean().default(false),
  }),
  /** Measures the model on `--test` data, or on the data where there is none. */
  z.strictObject({ kind: z.literal('evaluate') }),
  /** Looks for wrong labels. */
  z.strictObject({ kind: z.literal('clean'), seed: z.number().int().min(0).default(0) }),
]);
export type JobRequest = z.infer<typeof jobRequest>;
/** What a page sends: fields with defaults may be left out. */
export type JobOrder = z.input<typeof jobRequest>;

/** A piece of long work. */
export interface Job {
  readonly id: number;
  readonly request: JobRequest;
  readonly state: 'running' | 'done' | 'failed' | 'stopped';
  readonly startedAt: string;
  readonly seconds: number;
  /** `extracting features`; null before the first progress and after the end. */
  readonly progress: {
    readonly phase: string;
    /** The part of the phase that is under way: `epoch 3 of 30`. */
    readonly detail?: string | undefined;
    readonly done: number;
    readonly total: number;
    readonly unit: string;
    /** Of this phase, a second; null while it is too early to say. */
    readonly rate: number | null;
    readonly secondsLeft: number | null;
  } | null;
  /** How far the whole job is; null before the first progress and after the end. */
  readonly overall: {
    /** `Training the head`: step `at` of `of`. */
    readonly step: string;
    readonly at: number;
    readonly of: number;
    /** From 0 to 1; it never falls. */
    readonly share: number;
    /** Of the whole job; null while it is too early to say. */
    readonly secondsLeft: number | null;
  } | null;
  /** Of training by gradients, one an epoch so far. */
  readonly epochs: readonly {
    readonly epoch: number;
    readonly trainMse: number;
    readonly valMse: number | null;
    readonly seconds: number;
  }[];
  /** What the errors of the epochs are to be compared with; null before it is known, and of other jobs. */
  readonly reference: {
    /** Of always predicting the mean of the training labels, on the held-out images; null where nothing is held out. */
    readonly baselineMse: number | null;
    /** Of the start, where the network is trained after its head: epoch 0. */
    readonly startMse: number | null;
  } | null;
  /** What a training came to; null before its end, and of other jobs. */
  readonly outcome: {
    /** On the held-out images; null where there were none. */
    readonly rmse: number | null;
    /** The epoch whose weights were kept, 0 the start; null where none was trained. */
    readonly bestEpoch: number | null;
  } | null;
  /** The last 50 lines worth reading. */
  readonly messages: readonly string[];
  /** Why it failed, in one line. */
  readonly error: string | null;
  /** Whether a stopped or failed training can go on (`resume: true` with the same fields). */
  readonly resumable: boolean;
}

/** GET recipe: what a training does where nothing is entered, and what to know before it. */
export interface TrainingAdvice {
  /** By what is trained: the head, or the network. */
  readonly head: { readonly epochs: number; readonly learningRate: number; readonly batch: number };
  readonly network: { readonly epochs: number; readonly learningRate: number; readonly batch: number };
  /** Whether most images show one face; null until that is known, which a `state` event tells. */
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
// every decision of anybody; `state` without data when state, results or review have to be fetched anew. A comment every 15 s keeps it open.

/** The data of a `decision` event. */
export interface DecisionEvent {
  readonly revision: number;
  readonly file: string;
  readonly decision: ShownDecision | null;
}

/** GET results: the last evaluation of the model; 404 before the first. */
export interface Results {
  /** The data that was measured on, as the user wrote it, and whether it is the data of the training too. */
  readonly data: string;
  readonly ownTraining: boolean;
  readonly images: number;
  readonly rmse: number;
  readonly mae: number;
  /** Null for a single image. */
  readonly r2: number | null;
  readonly bias: number;
  /** Of always saying the mean. */
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
  /** What readers should know: leakage, too few images. */
  readonly warnings: readonly string[];
  /** Every image that was measured. */
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
    /** The nearest images as the model sees them. */
    readonly neighbours: readonly { readonly file: string; readonly label: number }[];
    readonly decision: ShownDecision | null;
  }[];
}

/** PUT decision: decides about one image, or takes the decision back with null. Saved when the answer (DecisionEvent) comes. */
export const decisionRequest = z.strictObject({
  /** Of the data that the decision is about, from the state: 409, without a DecisionEvent, where other data is served. */
  fingerprint: z.string('expected the fingerprint of the data in the state').max(64),
  file: z.string().min(1).max(4096),
  decision: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('keep') }),
      z.strictObject({ kind: z.literal('set'), value: z.number() }),
      z.strictObject({ kind: z.literal('drop') }),
    ])
    .nullable(),
  /** What the page believes to be decided so far: 409, with the DecisionEvent that is true, where another tab has decided otherwise. */
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
  /** An image of the data, or of the data that was measured on. */
  file: z.string().min(1).max(4096).optional(),
  of: z.enum(['data', 'results']).default('data'),
});

/** POST explain: what of an image, or of the crop of a face, pushed its prediction up and down. One at a time. */
export interface ExplainAnswer {
  /** The prediction that is explained. */
  readonly value: number;
  /** That of the blurred image, which it is compared with. */
  readonly baseline: number;
  readonly method: 'cam' | 'gradient' | 'occlusion';
  /** How many times as much blurring the tenth that is marked most does as blurring a random one; null where those do nothing. */
  readonly ratio: number | null;
  /** More than how many of `draws` random tenths it does. */
  readonly beats: number;
  readonly draws: number;
  /** A transparent PNG to lay over the image or the crop, as a data URI: warm pushed up, cool down. */
  readonly overlay: string;
  /** The crop as the model saw it, as a data URI; null where the whole image is explained. */
  readonly crop: string | null;
}

/** The query of GET sample. */
export const sampleQuery = z.strictObject({
  file: z.string().min(1).max(4096),
  of: z.enum(['data', 'results']).default('data'),
});

/** GET sample: all that is known of one image of the data, or of the data that was measured on. */
export interface SampleDetail {
  readonly file: string;
  readonly label: number;
  /** The other columns of its row. */
  readonly columns: Readonly<Record<string, string>>;
  /** Whether its label can be decided about: images of `--test` cannot. */
  readonly decidable: boolean;
  readonly decision: ShownDecision | null;
  /** By the model of now, its interval at 90 %; null without a model. */
  readonly prediction: {
    readonly value: number;
    readonly low: number | null;
    readonly high: number | null;
    readonly unusual: boolean;
    /** How; present where `unusual` is true. */
    readonly unlike?: NonNullable<Prediction['unlike']>;
  } | null;
  /** Why there is no prediction though there is a model. */
  readonly error: string | null;
  /** Of the last search for wrong labels; null before it, and for images it did not see. */
  readonly doubt: { readonly suggested: number; readonly score: number; readonly kinds: readonly string[] } | null;
  /** The training images most like it to the model, itself left out. */
  readonly neighbours: readonly {
    readonly file: string;
    readonly label: number;
    /** Whether the file is an image of the data, which can be opened. */
    readonly isData: boolean;
    /** A small version as a data URI; null where the file is gone or has changed since the training. */
    readonly thumbnail: string | null;
  }[];
}

// POST session with the bearer token: 204 and a cookie (HttpOnly, SameSite=Strict), so that <img> and events can ask too. Where the service
// has no token the pages need none; GET state answers 401 where one is needed and not there.
