import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { numberIn } from '../base/format.js';
import { useDraft } from '../base/hooks.js';

/** The attributes that join a control to its label and its help. */
export interface Named {
  readonly id: string;
  readonly 'aria-describedby': string;
}

/** A control with its label above and its help below. */
export function Field(props: {
  readonly label: string;
  readonly help: string;
  readonly control: (named: Named) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.control({ id, 'aria-describedby': `${id}-help` })}
      <small class="note" id={`${id}-help`}>
        {props.help}
      </small>
    </div>
  );
}

/**
 * The two ends of a range; each may be empty. `onChange` is called when a field loses the focus or on Enter.
 *
 * @param props.until The word before the upper end: `to` if it is a part of the range, else `below`. Default: `to`.
 */
export function RangeFields(props: {
  readonly label: string;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly until?: string;
  readonly onChange: (from: number | undefined, to: number | undefined) => void;
}) {
  const { label, from, to, until = 'to', onChange } = props;
  return (
    <fieldset class="range">
      <legend>{label}</legend>
      <NumberField label={`${label} from`} value={from} hint="from" onChange={value => onChange(value, to)} />
      <span aria-hidden="true">{until}</span>
      <NumberField label={`${label} ${until}`} value={to} hint={until} onChange={value => onChange(from, value)} />
    </fieldset>
  );
}

function NumberField(props: {
  readonly label: string;
  readonly hint: string;
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
}) {
  const draft = useDraft(props.value === undefined ? '' : `${props.value}`, text => props.onChange(numberIn(text)));
  return (
    <input
      type="number"
      step="any"
      inputMode="decimal"
      aria-label={props.label}
      placeholder={props.hint}
      value={draft.text}
      onInput={event => draft.onInput(event.currentTarget.value)}
      onChange={draft.commit}
      onBlur={draft.onBlur}
    />
  );
}

/** A choice of a few options, as buttons side by side. */
export function Choice<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="hidden">{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input
            type="radio"
            name={props.label}
            checked={props.value === value}
            onChange={() => props.onChange(value)}
          />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

const SEARCH_DELAY_MS = 250;

/** A search field; `onChange` is called shortly after the last key. */
export function SearchField(props: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}) {
  const draft = useDraft(props.value, props.onChange, SEARCH_DELAY_MS);
  return (
    <input
      type="search"
      aria-label={props.label}
      placeholder={props.label}
      maxLength={200}
      value={draft.text}
      onInput={event => draft.onInput(event.currentTarget.value)}
      onChange={draft.commit}
      onBlur={draft.onBlur}
    />
  );
}

/** The target of a jump in a long list: a value, or a position from 1. */
export type JumpTo = { readonly kind: 'value' | 'place'; readonly number: number };

/** A field to jump to a value or a position. */
export function Jump({ name, onJump }: { readonly name: string; readonly onJump: (to: JumpTo) => void }) {
  const [text, setText] = useState('');
  const [kind, setKind] = useState<JumpTo['kind']>('value');
  const number = numberIn(text);
  return (
    <form
      class="jump"
      onSubmit={event => {
        event.preventDefault();
        if (number !== undefined) onJump({ kind, number });
      }}
    >
      <select
        aria-label="Go to"
        value={kind}
        onChange={event => setKind(event.currentTarget.value === 'place' ? 'place' : 'value')}
      >
        <option value="value">Go to {name}</option>
        <option value="place">Go to image no.</option>
      </select>
      <input
        type="number"
        step="any"
        aria-label={kind === 'value' ? `${name} to go to` : 'Number of the image to go to'}
        value={text}
        onInput={event => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={number === undefined}>
        Go
      </button>
    </form>
  );
}
