import { type Format, formatFor } from '../../src/report/format.js';
import { useStore } from './store.js';
import { state } from './studio.js';

/** The format of target values, with the target's name and unit. */
export interface TargetFormat extends Format {
  readonly name: string;
  /** ` years`, or nothing. */
  readonly unit: string;
  /** The error of a prediction, with its sign: `+4.2`. */
  difference(value: number): string;
}

/** The format of the data's target, or of the model's without data. */
export function useFormat(): TargetFormat {
  const { data, model } = useStore(state) ?? { data: null, model: null };
  const about = data ?? model;
  const scale = model?.rmse ?? data?.labels.std ?? 0;
  const unit = about?.unit ?? '';
  const format = formatFor(scale, unit);
  return {
    ...format,
    name: about?.target ?? 'value',
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

/** The number in a field; undefined if it is empty or not a number. */
export function numberIn(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text.trim() === '' || !Number.isFinite(value) ? undefined : value;
}
