/** One image and its number. */
export interface Sample {
  /** Path of the image relative to the data set's root, with forward slashes; absolute where a table named it so. */
  readonly file: string;
  readonly label: number;
  /** The other columns of its row as text, by name; empty cells are absent, and the whole where a row has no others. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
}

/** A file that could not be used, and the reason as one line. */
export interface Skipped {
  readonly file: string;
  readonly reason: string;
}

/** The images of a data set in the order of their paths; no image has been opened yet. */
export interface Dataset {
  /** Absolute path that the samples' files are relative to. */
  readonly root: string;
  /** What the number is called: the column of a table, else `value`. */
  readonly target: string;
  readonly samples: readonly Sample[];
  /** Files that carry no usable label. */
  readonly skipped: readonly Skipped[];
  /** What a decisions file changed, where one was given. */
  readonly decisions?: AppliedDecisions | undefined;
}

/** How many images were changed, for messages and manifests. */
export interface AppliedDecisions {
  readonly file: string;
  readonly kept: number;
  readonly set: number;
  readonly dropped: number;
}
