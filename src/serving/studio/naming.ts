import { readRegularFile, replaceFile } from '../../base/files.js';
import { codeOf } from '../../datasets/listing.js';
import { type Naming, namingSchema } from '../../formats/studio-protocol.js';
import { Problem } from '../problem.js';

/** The naming that is kept in a file, beside the decisions. */
export class NamingStore {
  private constructor(
    private readonly path: string,
    private current: Naming,
  ) {}

  /** Reads the file; one that is not there, or damaged, names nothing. */
  static async open(path: string): Promise<NamingStore> {
    const text = await readRegularFile(path).then(String, () => '{}');
    return new NamingStore(path, namingSchema.safeParse(jsonOf(text)).data ?? { target: null, unit: null });
  }

  get naming(): Naming {
    return this.current;
  }

  /** Saves another naming. @throws Problem 503 where the file cannot be written */
  async set(naming: Naming): Promise<void> {
    await replaceFile(this.path, `${JSON.stringify(naming)}\n`).catch((cause: unknown) => {
      const detail = `the name and the unit: expected a file that can be written, got ${codeOf(cause)}`;
      throw Object.assign(new Problem(503, detail), { cause });
    });
    this.current = naming;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
