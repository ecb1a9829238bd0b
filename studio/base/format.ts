import { type Format, formatFor } from '../../src/report/format.js';
import { useStore } from './store.js';
import { state } from './studio.js';

/** How numbers of the target are written, with its name and unit. */
export interface TargetFormat extends Format {
  readonly name: string;
  /** ` years`, or nothing. */
  readonly unit: string;
  /** How far a single prediction is off, with its sign: `+4.2`. */
  difference(value: number): string;
}

/** The format for the target of the data, or of the model where there is no data. */
export function useFormat(): TargetFormat {
  const { data, model } = useStore(state) ?? { data: null, model: null };
  const about = data ?? model;
  const scale = model?.rmse ?? data?.labels.std ?? 0;
  const unit = about?.unit ?? '';
  const format = formatFor(scale, unit);
  return {
    ...format,
    name: about?.target ?? 'number',
    unit: unit === '' ? '' : ` ${unit}`,
    difference: value => `${value < 0 ? '\u2212' : '+'}${format.prediction(Math.abs(value))}`,
  };
}

/** `1 h 5 min`, `2 min 10 s`, `8 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The number in a field; undefined where it is empty or none. */
export function numberIn(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text.trim() === '' || !Number.isFinite(value) ? undefined : value;
}
