import { expect, it } from 'vitest';
import { ConsecutiveWindow } from './consecutive-window.ts';
import { CountWindow } from './count-window.ts';
import { TimeWindow } from './time-window.ts';
import { minimumOf, newWindow } from './window-spec.ts';

it('Each kind of window has what remembers enough, and its least number of calls', () => {
  expect(newWindow({ type: 'count', size: 2, minimum: 1 })).toBeInstanceOf(CountWindow);
  expect(newWindow({ type: 'time', sizeMs: 40, minimum: 1 })).toBeInstanceOf(TimeWindow);
  expect(newWindow({ type: 'time', sizeMs: 40, minimum: 1 }).resolutionMs).toBe(2);
  expect(newWindow({ type: 'consecutive', size: 2 })).toBeInstanceOf(ConsecutiveWindow);
  expect(minimumOf({ type: 'count', size: 9, minimum: 4 })).toBe(4);
  expect(minimumOf({ type: 'consecutive', size: 7 })).toBe(7);
});
