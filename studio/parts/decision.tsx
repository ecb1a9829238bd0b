import type { ShownDecision } from '../../src/formats/studio-protocol.js';
import { decisionText, notice, saving } from '../base/decisions.js';
import { withLabels } from '../base/labels.js';
import { useStore } from '../base/store.js';

/** A decision as a colored word; nothing while it is open. */
export function DecisionMark({ decision }: { readonly decision: ShownDecision | null }) {
  if (decision === null) return null;
  return <span class={`mark ${decision.kind}`}>{decisionText(decision)}</span>;
}

/** The state of saving, and its last error. */
export function SavingLine() {
  const { waiting, trouble, saved } = useStore(saving);
  let text = saved === 0 ? 'Decisions are saved at once.' : 'Saved.';
  if (waiting > 0) text = 'Saving …';
  if (trouble !== undefined)
    text = `Not saved yet: ${trouble}. ${waiting === 1 ? 'One decision waits' : `${waiting} decisions wait`} in this browser and will be sent again.`;
  const kind = trouble !== undefined ? 'troubled' : waiting > 0 ? 'busy' : 'good';
  return (
    <p class={`saving note ${kind}`} role="status" data-saving={kind}>
      {text}
    </p>
  );
}

/** The last notice about a decision, until it is dismissed. */
export function NoticeLine() {
  const told = useStore(notice);
  return (
    <div class="notice" role="alert">
      {told && (
        <p class="warning line">
          <span>{withLabels(told.text)}</span>
          <button
            type="button"
            class="plain"
            onClick={() => {
              notice.value = null;
            }}
          >
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}
