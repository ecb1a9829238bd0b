import { useState } from 'preact/hooks';
import type { JobOrder, TrainingAdvice } from '../../src/formats/studio-protocol.js';
import { apiUrl, Refusal, reasonOf } from '../base/api.js';
import { numberIn } from '../base/format.js';
import { startJob } from '../base/jobs.js';
import { Store, useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { useFetched } from '../base/use-fetched.js';
import { Fault } from './fault.js';
import { Field } from './fields.js';

interface Fields {
  readonly name: string;
  readonly backbone: string;
  readonly tune: 'head' | 'last' | 'all';
  readonly head: '' | 'linear' | 'mlp';
  readonly epochs: string;
  readonly learningRate: string;
  readonly batch: string;
  readonly augment: 'none' | 'flip' | 'face' | 'photo';
  readonly min: string;
  readonly max: string;
  readonly seed: string;
}

const backbones = [
  ['face', 'face: made for faces, in the package'],
  ['resnet18', 'resnet18: small, weights from the hub'],
  ['resnet34', 'resnet34'],
  ['resnet50', 'resnet50: slower, often better'],
] as const;

/** `age-1125-0912`: a name that nobody has taken a minute ago. */
function nameFor(target: string): string {
  const [date, time] = new Date().toISOString().split('T') as [string, string];
  const stem = target.replace(/[^\w-]/g, '').slice(0, 40) || 'model';
  return `${stem}-${date.slice(5).replace('-', '')}-${time.slice(0, 5).replace(':', '')}`;
}

/** What is sent: fields that are empty, or have no use beside the others, are left out. */
function orderOf(fields: Fields): JobOrder {
  const { name, backbone, tune, head, augment } = fields;
  const recipe = isExact(fields)
    ? {}
    : {
        epochs: numberIn(fields.epochs),
        learningRate: numberIn(fields.learningRate),
        batch: numberIn(fields.batch),
        augment: isFrozen(fields) && augment !== 'flip' ? 'none' : augment,
      };
  const order = {
    kind: 'train',
    name,
    backbone,
    tune,
    head: head || undefined,
    min: numberIn(fields.min),
    max: numberIn(fields.max),
    seed: numberIn(fields.seed),
    ...recipe,
  };
  return Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined)) as unknown as JobOrder;
}

const isFrozen = ({ tune }: Fields) => tune === 'head';
const isExact = (fields: Fields) => isFrozen(fields) && fields.head === 'linear';

const fresh = (target: string): Fields => ({
  name: nameFor(target),
  backbone: 'face',
  tune: 'head',
  head: '',
  epochs: '',
  learningRate: '',
  batch: '',
  augment: 'none',
  min: '',
  max: '',
  seed: '0',
});

/** What is entered; it lives as long as the page, so that a look at another tab loses nothing. */
const entered = new Store<Fields | undefined>(undefined);

/** What a training is to be like, and the button that starts it. */
export function TrainForm(props: { readonly target: string; readonly isBusy: boolean; readonly writable: boolean }) {
  const fields = useStore(entered) ?? fresh(props.target);
  const setFields = (change: (before: Fields) => Fields) => {
    entered.value = change(entered.value ?? fields);
  };
  const fetched = useFetched<TrainingAdvice>(apiUrl('recipe'), useStore(age));
  const advice = fetched.kind === 'ready' ? fetched.value : undefined;
  const recipe = advice && (isFrozen(fields) ? advice.head : advice.network);
  const [fault, setFault] = useState<string>();
  const [isTaken, setIsTaken] = useState(false);
  const [sending, setSending] = useState(false);
  const field = <K extends keyof Fields>(key: K) => ({
    value: fields[key],
    onInput: (event: { readonly currentTarget: { readonly value: string } }) => {
      setIsTaken(false);
      setFields(before => ({ ...before, [key]: event.currentTarget.value }));
    },
  });

  const start = async (force: boolean) => {
    setSending(true);
    setFault(undefined);
    try {
      await startJob({ ...orderOf(fields), ...(force && { force }) } as JobOrder);
      setIsTaken(false);
      setFields(before => ({ ...before, name: nameFor(props.target) }));
    } catch (error) {
      setFault(reasonOf(error));
      setIsTaken(error instanceof Refusal && error.message.includes('force'));
    } finally {
      setSending(false);
    }
  };
  const exact = isExact(fields);

  return (
    <form
      class="card train-form"
      onSubmit={event => {
        event.preventDefault();
        void start(false);
      }}
    >
      <h2>A new training</h2>
      <div class="grid">
        <Field
          label="Name"
          help="Of the model's new folder."
          control={named => (
            <input
              {...named}
              type="text"
              required
              maxLength={64}
              pattern="\w[\w.\-]*"
              autocomplete="off"
              {...field('name')}
            />
          )}
        />
        <Field
          label="Backbone"
          help="The network that looks at the images."
          control={named => (
            <select {...named} {...field('backbone')}>
              {backbones.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          )}
        />
        <Field
          label="What is trained"
          help="More takes longer, and pays with many images."
          control={named => (
            <select {...named} {...field('tune')}>
              <option value="head">The head alone: seconds to minutes</option>
              <option value="last">The last stage too</option>
              <option value="all">The whole network</option>
            </select>
          )}
        />
      </div>
      {advice?.showsFaces === false && fields.backbone === 'face' && (
        <p class="warning line">
          <span>
            Few of these images show one face each, and the backbone face was made for faces: resnet18 may do better.
          </span>
          <button
            type="button"
            class="plain"
            onClick={() => setFields(before => ({ ...before, backbone: 'resnet18' }))}
          >
            Take resnet18
          </button>
        </p>
      )}
      <details>
        <summary>More settings</summary>
        <div class="grid">
          <Field
            label="Head"
            help="What makes a number of what the network sees."
            control={named => (
              <select {...named} {...field('head')}>
                <option value="">{isFrozen(fields) ? 'The better of both' : 'Chosen for you'}</option>
                <option value="linear">One layer</option>
                <option value="mlp">Two layers</option>
              </select>
            )}
          />
          <Field
            label="Changed images"
            help={exact ? WITHOUT : 'Random changes, so that fewer images teach more.'}
            control={named => (
              <select {...named} disabled={exact} {...field('augment')}>
                <option value="none">None</option>
                <option value="flip">Mirrored</option>
                <option value="face" disabled={isFrozen(fields)}>
                  As faces vary
                </option>
                <option value="photo" disabled={isFrozen(fields)}>
                  As photos vary
                </option>
              </select>
            )}
          />
          {OPTIONAL.map(({ label, help, name, ...range }) => (
            <Field
              key={name}
              label={label}
              help={exact ? WITHOUT : `${help}${recipe ? ` Default: ${recipe[name]}.` : ''}`}
              control={named => (
                <input
                  {...named}
                  {...range}
                  type="number"
                  placeholder={exact ? '' : `${recipe?.[name] ?? ''}`}
                  disabled={exact}
                  {...field(name)}
                />
              )}
            />
          ))}
          {LIMITS.map(({ name, label, help }) => (
            <Field
              key={name}
              label={label}
              help={help}
              control={named => <input {...named} type="number" step="any" placeholder="none" {...field(name)} />}
            />
          ))}
          <Field
            label="Seed"
            help="The same seed gives the same model."
            control={named => <input {...named} type="number" min="0" step="1" required {...field('seed')} />}
          />
        </div>
      </details>
      {fault !== undefined && <Fault reason={fault} />}
      <p class="row">
        <button type="submit" class="main" disabled={props.isBusy || sending || !props.writable}>
          Start
        </button>
        {isTaken && (
          <button type="button" disabled={props.isBusy || sending} onClick={() => start(true)}>
            Move the older model aside and start
          </button>
        )}
        {props.isBusy && <span class="note">Another job is running.</span>}
        {!props.writable && <span class="note">The decisions file cannot be written, so nothing can be started.</span>}
      </p>
    </form>
  );
}

const WITHOUT = 'One layer on a frozen network is solved exactly.';

const LIMITS = [
  { name: 'min', label: 'Lowest value', help: 'Predictions and intervals are clamped to it.' },
  { name: 'max', label: 'Highest value', help: 'Predictions and intervals are clamped to it.' },
] as const;

/** Numbers that have a default of their own where nothing is entered. */
const OPTIONAL = [
  { name: 'epochs', label: 'Epochs', help: 'How often each image is seen.', min: 1, max: 1000 },
  {
    name: 'learningRate',
    label: 'Learning rate',
    help: 'How large each step is.',
    min: 0,
    max: 10,
    step: 'any',
  },
  { name: 'batch', label: 'Batch', help: 'Images a step.', min: 1, max: 1024 },
] as const;
