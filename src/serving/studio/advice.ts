import type { TrainingAdvice } from '../../formats/studio-protocol.js';
import { fineTuneRecipe } from '../../training/fine-tune.js';
import { headRecipe } from '../../training/fit-head.js';
import { measureAlignment } from '../../verbs/measure-alignment.js';
import type { Workplace } from './workplace.js';

/** The share of images that is trained on where nobody says otherwise. */
const TRAINED = 0.9;

/** What to know before a training; faces are looked for in a few images, once. */
export class Advice {
  private showsFaces: boolean | null = null;
  private looking: Promise<void> | undefined;

  /** @param onKnown Called once it is known whether the images show faces. */
  constructor(
    private readonly onKnown: () => void,
    private readonly onError: (thrown: unknown) => void,
    private readonly signal: AbortSignal,
  ) {}

  of({ dataset }: Workplace): TrainingAdvice {
    this.looking ??= this.look(dataset).catch(thrown => {
      if (!this.signal.aborted) this.onError(thrown);
    });
    const { epochs, learningRate, batch } = headRecipe({}, Math.floor(TRAINED * dataset.samples.length));
    const network = fineTuneRecipe({});
    return {
      head: { epochs, learningRate, batch },
      network: { epochs: network.epochs, learningRate: network.learningRate, batch: network.batch },
      showsFaces: this.showsFaces,
    };
  }

  private async look(dataset: Workplace['dataset']): Promise<void> {
    this.showsFaces = (await measureAlignment(dataset, { signal: this.signal })) !== undefined;
    this.onKnown();
  }
}
