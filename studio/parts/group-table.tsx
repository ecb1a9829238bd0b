import type { Results } from '../../src/formats/studio-protocol.js';
import { capital, formatCount, formatPercent } from '../../src/report/format.js';
import { useFormat } from '../base/format.js';

/** Mean error, bias and interval coverage by true value. */
export function GroupTable({ groups }: { readonly groups: Results['byGroup'] }) {
  const format = useFormat();
  const largest = Math.max(...groups.map(({ mae }) => mae));
  const hasCoverage = groups.some(({ coverage90 }) => coverage90 !== null);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls on a phone, and keys must reach it
    <section class="card table" tabIndex={0} aria-label="Errors by group">
      <table>
        <thead>
          <tr>
            <th scope="col">{capital(format.name)}</th>
            <th scope="col">Images</th>
            <th scope="col">Mean error</th>
            <td class="bar" />
            <th scope="col">Bias</th>
            {hasCoverage && <th scope="col">Coverage</th>}
          </tr>
        </thead>
        <tbody>
          {groups.map(({ from, to, images, mae, bias, coverage90 }) => (
            <tr key={from}>
              <th scope="row">
                {format.label(from)} to {format.label(to)}
              </th>
              <td>{formatCount(images)}</td>
              <td>{images === 0 ? '–' : format.figure(mae)}</td>
              <td class="bar">{images > 0 && <i style={{ width: `${(100 * mae) / largest}%` }} />}</td>
              <td>{images === 0 ? '–' : format.signed(bias)}</td>
              {hasCoverage && <td>{coverage90 === null ? '–' : formatPercent(coverage90)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
