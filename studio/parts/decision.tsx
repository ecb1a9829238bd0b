import type { ShownDecision } from '../../src/formats/studio-protocol.js';
import { decisionText, notice, saving } from '../base/decisions.js';
import { useStore } from '../base/store.js';

/** A word in colour for a decision; nothing while it is open. */
export function DecisionMark({ decision }: { readonly decision: ShownDecision | null }) {
  if (decision === null) return null;
  return <span class={`mark ${decision.kind}`}>{decisionText(decision)}</span>;
}

/** How saving goes, and what went wrong with it. */
export function SavingLine() {
  const { waiting, trouble, saved } = useStore(saving);
  let text = saved === 0 ? 'Each is saved at once.' : 'Saved.';
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

/** What another tab decided against this one, until it is read. */
export function NoticeLine() {
  const told = useStore(notice);
  return (
    <div class="notice" role="alert">
      {told && (
        <p class="warning line">
          <span>{told.text}</span>
          <button
            type="button"
            class="plain"
            onClick={() => {
              notice.value = null;
            }}
          >
            Understood
          </button>
        </p>
      )}
    </div>
  );
}
