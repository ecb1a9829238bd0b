import { useState } from 'preact/hooks';
import type { StudioData } from '../../src/formats/studio-protocol.js';
import { apiUrl, reasonOf, sendJson } from '../base/api.js';
import { Fault } from './blocks.js';

/** Sets the name and the unit of the target, if neither the data nor the command line does. */
export function NamingForm({ data }: { readonly data: StudioData }) {
  const { canBeNamed } = data;
  const [target, setTarget] = useState(data.target === 'value' ? '' : data.target);
  const [unit, setUnit] = useState(data.unit ?? '');
  const [fault, setFault] = useState<string>();
  if (!canBeNamed.target && !canBeNamed.unit) return null;
  const save = async () => {
    setFault(undefined);
    const naming = {
      target: canBeNamed.target && target.trim() !== '' ? target.trim() : null,
      unit: canBeNamed.unit && unit.trim() !== '' ? unit.trim() : null,
    };
    await sendJson('PUT', apiUrl('naming'), naming).catch(error => setFault(reasonOf(error)));
  };
  return (
    <details class="naming">
      <summary>Name and unit of the value</summary>
      <form
        class="row"
        onSubmit={event => {
          event.preventDefault();
          void save();
        }}
      >
        {canBeNamed.target && (
          <input
            type="text"
            aria-label="Name of the value"
            placeholder="name: age"
            maxLength={60}
            value={target}
            onInput={event => setTarget(event.currentTarget.value)}
          />
        )}
        {canBeNamed.unit && (
          <input
            type="text"
            aria-label="Unit of the value"
            placeholder="unit: years"
            maxLength={60}
            value={unit}
            onInput={event => setUnit(event.currentTarget.value)}
          />
        )}
        <button type="submit">Save</button>
      </form>
      {fault !== undefined && <Fault reason={fault} />}
    </details>
  );
}
