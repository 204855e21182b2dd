import { ConsecutiveWindow } from './consecutive-window.ts';
import { CountWindow } from './count-window.ts';
import type { OutcomeWindow } from './outcome-window.ts';
import { TimeWindow } from './time-window.ts';

/** Which calls are judged together, and how many there must be before they are. */
export type WindowSpec =
  | { readonly type: 'count'; readonly size: number; readonly minimum: number }
  | { readonly type: 'time'; readonly sizeMs: number; readonly minimum: number }
  /** So many in a row: each of them is bad, so it needs no rate. */
  | { readonly type: 'consecutive'; readonly size: number };

/** A window that remembers what such a judgement needs. */
export function newWindow(spec: WindowSpec): OutcomeWindow {
  switch (spec.type) {
    case 'count':
      return new CountWindow(spec.size);
    case 'time':
      return new TimeWindow(spec.sizeMs);
    case 'consecutive':
      return new ConsecutiveWindow();
  }
}

/** How many calls it takes for a judgement. */
export function minimumOf(spec: WindowSpec): number {
  return spec.type === 'consecutive' ? spec.size : spec.minimum;
}

/** Whether what the one remembers is what the other does; how many calls it takes for a judgement may differ. */
export function sameWindow(one: WindowSpec, other: WindowSpec): boolean {
  switch (one.type) {
    case 'count':
      return other.type === 'count' && one.size === other.size;
    case 'time':
      return other.type === 'time' && one.sizeMs === other.sizeMs;
    case 'consecutive':
      return other.type === 'consecutive';
  }
}
