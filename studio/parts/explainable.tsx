import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ExplainAnswer } from '../../src/formats/studio-protocol.js';
import { reasonOf } from '../base/api.js';
import type { TargetFormat } from '../base/format.js';
import { Fault } from './fault.js';

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ready'; readonly answer: ExplainAnswer; readonly isShown: boolean };

/**
 * An image, and over it what of it pushed the prediction up and down, once that is asked for. Its button shows and hides it.
 *
 * @param props.of Names the image; another name begins anew.
 * @param props.name What readers call the image.
 * @param props.children The image.
 */
export function Explainable(props: {
  readonly of: string;
  readonly name: string;
  readonly ask: (signal: AbortSignal) => Promise<ExplainAnswer>;
  readonly format: TargetFormat;
  readonly children: ComponentChildren;
}) {
  const { of, name, ask, format, children } = props;
  const [state, setState] = useState<State>({ kind: 'none' });
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => {
    setState({ kind: 'none' });
    return () => running.current?.abort();
  }, [of]);

  const toggle = async () => {
    if (state.kind === 'ready') {
      setState({ ...state, isShown: !state.isShown });
      return;
    }
    const stop = new AbortController();
    running.current = stop;
    setState({ kind: 'busy' });
    try {
      const answer = await ask(stop.signal);
      if (!stop.signal.aborted) setState({ kind: 'ready', answer, isShown: true });
    } catch (error) {
      if (!stop.signal.aborted) setState({ kind: 'failed', reason: reasonOf(error) });
    }
  };
  const shown = state.kind === 'ready' && state.isShown ? state.answer : undefined;
  return (
    <div class="explainable">
      <div class={shown ? 'stack explained' : 'stack'}>
        {shown?.crop ? <img src={shown.crop} alt={`The crop of ${name} that the model saw`} /> : children}
        {shown && <img class="overlay" src={shown.overlay} alt={`What of ${name} pushed the prediction up and down`} />}
      </div>
      <p class="row">
        <button type="button" aria-pressed={shown !== undefined} disabled={state.kind === 'busy'} onClick={toggle}>
          {state.kind === 'busy' ? 'Explaining …' : shown ? 'Hide the explanation' : 'Explain'}
          <span class="hidden"> {name}</span>
        </button>
        {shown && (
          <span class="legend">
            <span class="patch up">pushes up</span> <span class="patch down">pushes down</span>
          </span>
        )}
      </p>
      {shown && <p class="note">{wordsOf(shown, format)}</p>}
      {state.kind === 'failed' && <Fault reason={state.reason} />}
    </div>
  );
}

function wordsOf({ value, baseline, ratio, beats, draws }: ExplainAnswer, format: TargetFormat): string {
  const what = `Why ${format.prediction(value)}${format.unit}, compared with ${format.prediction(baseline)}${format.unit} for the blurred image.`;
  if (ratio === null) return `${what} How far to trust it is not known: blurring random parts changes nothing.`;
  return `${what} Blurring the tenth marked most changes the prediction ${ratio.toFixed(1)} times as much as a random tenth, and more than ${beats} of ${draws}.`;
}
