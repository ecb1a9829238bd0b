import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ExplainAnswer } from '../../src/formats/studio-protocol.js';
import { reasonOf } from '../base/api.js';
import type { TargetFormat } from '../base/format.js';
import { Fault } from './blocks.js';

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ready'; readonly answer: ExplainAnswer; readonly isShown: boolean };

/**
 * An image with a button that shows and hides the explanation of its prediction as an overlay.
 *
 * @param props.of The key of the image; another key resets the component.
 * @param props.name The name of the image in texts.
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
        {shown?.crop ? <img src={shown.crop} alt={`The crop of ${name} for the model`} /> : children}
        {shown && (
          <img class="overlay" src={shown.overlay} alt={`Parts of ${name} that raise or lower the prediction`} />
        )}
      </div>
      <p class="row">
        <button type="button" aria-pressed={shown !== undefined} disabled={state.kind === 'busy'} onClick={toggle}>
          {state.kind === 'busy' ? 'Explaining …' : shown ? 'Hide the explanation' : 'Explain'}
          <span class="hidden"> {name}</span>
        </button>
        {shown && (
          <span class="legend">
            <span class="patch up">raises</span> <span class="patch down">lowers</span>
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
  if (ratio === null) return `${what} Its reliability is unknown: blurring random parts changes nothing.`;
  return `${what} Blurring the most strongly marked tenth changes the prediction ${ratio.toFixed(1)} times as much as blurring a random tenth, and more than ${beats} of ${draws} random tenths.`;
}
