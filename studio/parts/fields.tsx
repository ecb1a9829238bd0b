import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { numberIn } from '../base/format.js';
import { useDraft } from '../base/use-draft.js';

/** What joins a control to its label and its help. */
export interface Named {
  readonly id: string;
  readonly 'aria-describedby': string;
}

/** A label with its control below it, and what it means below that. */
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
 * Two numbers, from and to; each may be empty. `onChange` comes when the reader leaves a field or presses Enter.
 *
 * @param props.until What stands before the upper end: `to` where that is a part of the range, else `below`. Default `to`.
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

/** One of a few, as buttons side by side. */
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

/** A field to search: `onChange` comes a moment after the last key. */
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
