import { useState } from 'preact/hooks';
import type { JobOrder, StudioData, TrainingAdvice } from '../../src/formats/studio-protocol.js';
import { plural } from '../../src/report/format.js';
import { apiUrl, Refusal, reasonOf } from '../base/api.js';
import { numberIn, useFormat } from '../base/format.js';
import { useFetched } from '../base/hooks.js';
import { CHOICES, LABELS } from '../base/labels.js';
import { Store, useStore } from '../base/store.js';
import { age, job, startJob, state } from '../base/studio.js';
import { Fault, Heading } from '../parts/blocks.js';
import { Field } from '../parts/fields.js';
import { JobCard } from '../parts/job-card.js';

/** Starts, shows, stops and resumes trainings. */
export function TrainPage({ data }: { readonly data: StudioData }) {
  const current = useStore(job);
  const format = useFormat();
  return (
    <>
      <Heading title="Train">
        Predict {format.name} from {plural(data.images - data.decided.dropped, 'image')}, with the decisions so far
      </Heading>
      <div class="columns">
        {current?.request.kind === 'train' && <JobCard job={current} />}
        <TrainForm target={data.target} isBusy={current?.state === 'running'} />
      </div>
    </>
  );
}

/** The text in each field. */
interface Fields {
  readonly name: string;
  readonly backbone: string;
  readonly tune: keyof typeof CHOICES.tune;
  readonly head: '' | keyof typeof CHOICES.head;
  readonly epochs: string;
  readonly learningRate: string;
  readonly batch: string;
  readonly augment: keyof typeof CHOICES.augment;
  readonly fit: '' | keyof typeof CHOICES.fit;
  readonly min: string;
  readonly max: string;
  readonly seed: string;
}

const initialFields = (target: string): Fields => ({
  ...{ name: nameFor(target), backbone: 'auto', tune: 'head', head: '', augment: 'none', fit: '', seed: '0' },
  ...{ epochs: '', learningRate: '', batch: '', min: '', max: '' },
});

/** A new name with date and time, such as `age-1125-0912`. */
function nameFor(target: string): string {
  const [date, time] = new Date().toISOString().split('T') as [string, string];
  const stem = target.replace(/[^\w-]/g, '').slice(0, 40) || 'model';
  return `${stem}-${date.slice(5).replace('-', '')}-${time.slice(0, 5).replace(':', '')}`;
}

const isFrozen = ({ tune }: Fields) => tune === 'head';
const isExact = (fields: Fields) => isFrozen(fields) && fields.head === 'linear';

/** The request of the form, without fields that are empty or have no effect. */
function orderOf(fields: Fields): JobOrder {
  const { name, backbone, tune, head, augment, fit } = fields;
  const recipe = isExact(fields)
    ? {}
    : {
        epochs: numberIn(fields.epochs),
        learningRate: numberIn(fields.learningRate),
        batch: numberIn(fields.batch),
        augment: isFrozen(fields) && augment !== 'flip' ? 'none' : augment,
      };
  const order = {
    ...{ kind: 'train', name, backbone, tune, head: head || undefined, fit: fit || undefined },
    ...{ min: numberIn(fields.min), max: numberIn(fields.max), seed: numberIn(fields.seed) },
    ...recipe,
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined)) as unknown as JobOrder;
}

/** The state of the form; it survives changes of the page. */
const entered = new Store<Fields | undefined>(undefined);

/** The properties that bind a control to a field of the form. */
type Bind = <K extends keyof Fields>(
  key: K,
) => {
  readonly value: Fields[K];
  readonly onInput: (event: { readonly currentTarget: { readonly value: string } }) => void;
};

/** The form of a new training. */
function TrainForm({ target, isBusy }: { readonly target: string; readonly isBusy: boolean }) {
  const writable = useStore(state)?.writable ?? false;
  const fields = useStore(entered) ?? initialFields(target);
  const setFields = (changes: Partial<Fields>) => {
    entered.value = { ...(entered.value ?? fields), ...changes };
  };
  const fetched = useFetched<TrainingAdvice>(apiUrl('recipe'), useStore(age));
  const advice = fetched.kind === 'ready' ? fetched.value : undefined;
  const [fault, setFault] = useState<string>();
  const [isTaken, setIsTaken] = useState(false);
  const [sending, setSending] = useState(false);
  const bind: Bind = key => ({
    value: fields[key],
    onInput: event => {
      setIsTaken(false);
      setFields({ [key]: event.currentTarget.value });
    },
  });
  const start = async (force: boolean) => {
    setSending(true);
    setFault(undefined);
    try {
      await startJob({ ...orderOf(fields), ...(force && { force }) } as JobOrder);
      setIsTaken(false);
      setFields({ name: nameFor(target) });
    } catch (error) {
      setFault(reasonOf(error));
      setIsTaken(error instanceof Refusal && error.message.includes('`force`'));
    } finally {
      setSending(false);
    }
  };

  return (
    <form
      class="card train-form"
      onSubmit={event => {
        event.preventDefault();
        void start(false);
      }}
    >
      <h2>New training</h2>
      <MainFields bind={bind} />
      {advice?.showsFaces === false && fields.backbone === 'face' && (
        <p class="warning line">
          <span>
            Few of these images show exactly one face. The backbone face is made for faces; automatic may be better.
          </span>
          <button type="button" class="plain" onClick={() => setFields({ backbone: 'auto' })}>
            Use automatic
          </button>
        </p>
      )}
      <MoreSettings fields={fields} bind={bind} advice={advice} />
      {fault !== undefined && <Fault reason={fault} />}
      <p class="row">
        <button type="submit" class="main" disabled={isBusy || sending || !writable}>
          Start
        </button>
        {isTaken && (
          <button type="button" disabled={isBusy || sending} onClick={() => start(true)}>
            {LABELS.force} and start
          </button>
        )}
        {isBusy && <span class="note">Another job is running.</span>}
        {!writable && <span class="note">The decisions file cannot be written, so no job can be started.</span>}
      </p>
    </form>
  );
}

const optionsOf = (choices: Readonly<Record<string, string>>, isDisabled: (value: string) => boolean = () => false) =>
  Object.entries(choices).map(([value, text]) => (
    <option key={value} value={value} disabled={isDisabled(value)}>
      {text}
    </option>
  ));

function MainFields({ bind }: { readonly bind: Bind }) {
  return (
    <div class="grid">
      <Field
        label={LABELS.name}
        help="Name of the model's folder."
        control={named => (
          <input
            {...named}
            type="text"
            required
            maxLength={64}
            pattern="\w[\w.\-]*"
            autocomplete="off"
            {...bind('name')}
          />
        )}
      />
      <Field
        label={LABELS.backbone}
        help="The pretrained network that extracts features."
        control={named => (
          <select {...named} {...bind('backbone')}>
            {optionsOf(CHOICES.backbone)}
          </select>
        )}
      />
      <Field
        label={LABELS.tune}
        help="More layers take longer and need more images."
        control={named => (
          <select {...named} {...bind('tune')}>
            {optionsOf(CHOICES.tune)}
          </select>
        )}
      />
    </div>
  );
}

const NO_EFFECT = 'No effect: a linear head on a frozen backbone is solved exactly.';

/** Numbers whose defaults depend on the training. */
const NUMBERS = [
  { name: 'epochs', help: 'Passes over the training images.', min: 1, max: 1000 },
  { name: 'learningRate', help: 'Step size of the optimizer.', min: 0, max: 10, step: 'any' },
  { name: 'batch', help: 'Images per step.', min: 1, max: 1024 },
] as const;

function MoreSettings(props: {
  readonly fields: Fields;
  readonly bind: Bind;
  readonly advice: TrainingAdvice | undefined;
}) {
  const { fields, bind, advice } = props;
  const exact = isExact(fields);
  const frozen = isFrozen(fields);
  const recipe = advice && (frozen ? advice.head : advice.network);
  return (
    <details>
      <summary>More settings</summary>
      <div class="grid">
        <Field
          label={LABELS.head}
          help="Predicts the value from the features."
          control={named => (
            <select {...named} {...bind('head')}>
              {optionsOf({ '': frozen ? 'The better of both' : 'Automatic', ...CHOICES.head })}
            </select>
          )}
        />
        <Field
          label={LABELS.augment}
          help={exact ? NO_EFFECT : 'Random changes of the training images.'}
          control={named => (
            <select {...named} disabled={exact} {...bind('augment')}>
              {optionsOf(CHOICES.augment, value => frozen && (value === 'face' || value === 'photo'))}
            </select>
          )}
        />
        <Field
          label={LABELS.fit}
          help="How images become square."
          control={named => (
            <select {...named} {...bind('fit')}>
              {optionsOf({ '': 'As the weights expect', ...CHOICES.fit })}
            </select>
          )}
        />
        {NUMBERS.map(({ help, name, ...range }) => (
          <Field
            key={name}
            label={LABELS[name]}
            help={exact ? NO_EFFECT : `${help}${recipe ? ` Default: ${recipe[name]}.` : ''}`}
            control={named => (
              <input
                {...named}
                {...range}
                type="number"
                placeholder={exact ? '' : `${recipe?.[name] ?? ''}`}
                disabled={exact}
                {...bind(name)}
              />
            )}
          />
        ))}
        {(['min', 'max'] as const).map(name => (
          <Field
            key={name}
            label={LABELS[name]}
            help="Predictions and intervals are clamped to it."
            control={named => <input {...named} type="number" step="any" placeholder="none" {...bind(name)} />}
          />
        ))}
        <Field
          label={LABELS.seed}
          help="The same seed gives the same model."
          control={named => <input {...named} type="number" min="0" step="1" required {...bind('seed')} />}
        />
      </div>
    </details>
  );
}
