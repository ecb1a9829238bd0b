/** One image with its label. */
export interface Sample {
  /** Path relative to the data set's root, with forward slashes; absolute where the table has an absolute path. */
  readonly file: string;
  readonly label: number;
  /** The other columns of its table row as text, by name, without empty cells; undefined if there are none. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
}

/** A file that cannot be used, with the reason as one line. */
export interface Skipped {
  readonly file: string;
  readonly reason: string;
}

/** The samples of a data set, ordered by path; no image has been opened yet. */
export interface Dataset {
  /** Absolute path; the samples' paths are relative to it. */
  readonly root: string;
  /** Name of the target: the table's column, else `value`. */
  readonly target: string;
  readonly samples: readonly Sample[];
  /** Files without a usable label. */
  readonly skipped: readonly Skipped[];
  /** Changes by a decisions file, if one was given. */
  readonly decisions?: AppliedDecisions | undefined;
}

/** Counts of applied decisions, for messages and manifests. */
export interface AppliedDecisions {
  readonly file: string;
  readonly kept: number;
  readonly set: number;
  readonly dropped: number;
}
