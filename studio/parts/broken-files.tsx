import type { SamplesAnswer } from '../../src/formats/studio-protocol.js';
import { formatCount } from '../../src/report/format.js';
import { apiUrl } from '../base/api.js';
import { useFetched } from '../base/hooks.js';
import { withLabels } from '../base/labels.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { Fault } from './blocks.js';

const MOST = 500;

/** The unusable files, with the reasons. */
export function BrokenFiles({ search }: { readonly search: string | undefined }) {
  const fetched = useFetched<SamplesAnswer>(apiUrl('samples', { show: 'broken', search, limit: MOST }), useStore(age));
  if (fetched.kind === 'failed') return <Fault reason={fetched.reason} />;
  if (fetched.kind !== 'ready' || fetched.value.broken.length === 0) return null;
  const { broken, total } = fetched.value;
  return (
    <>
      <div class="card table files">
        <table>
          <caption class="hidden">Unusable files</caption>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col" class="text">
                Reason
              </th>
            </tr>
          </thead>
          <tbody>
            {broken.map(({ file, reason }) => (
              <tr key={file}>
                <th scope="row">{file}</th>
                <td class="text">{withLabels(reason)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {total > broken.length && <p class="note">The first {formatCount(broken.length)}; search for others.</p>}
    </>
  );
}
