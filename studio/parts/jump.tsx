import { useState } from 'preact/hooks';
import { numberIn } from '../base/format.js';

/** What to jump to in a long list: a value of the target, or a place from 1. */
export type JumpTo = { readonly kind: 'value' | 'place'; readonly number: number };

/** A field to jump to a value or a place. */
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
