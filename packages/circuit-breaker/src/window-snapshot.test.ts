import { Problems } from '@sluice/core';
import { describe, expect, it } from 'vitest';
import { readWindowSnapshot } from './window-snapshot.ts';
import { newWindow, type WindowSpec } from './window-spec.ts';

const read = (value: unknown, type: WindowSpec['type']): unknown => {
  const problems = new Problems();
  const snapshot = readWindowSnapshot(value, type, 'window', problems);
  problems.throwIfAny();
  return snapshot;
};

describe('the snapshot of a window', () => {
  it.each<WindowSpec>([
    { type: 'count', size: 5, minimum: 1 },
    { type: 'time', sizeMs: 1_000, minimum: 1 },
    { type: 'consecutive', size: 2 },
  ])('of the type $type is read as it was written, and nothing besides', (spec) => {
    const window = newWindow(spec);
    window.ended(true, 10);
    window.slowed(20);
    const snapshot = window.snapshot(30);
    expect(read({ ...JSON.parse(JSON.stringify(snapshot)), more: 1 }, spec.type)).toEqual(snapshot);
  });

  it.each([
    [{ type: 'consecutive', failures: -1, slow: 0 }, 'window.failures: expected an integer ≥ 0, as a count is, got -1'],
    [{ type: 'consecutive', failures: 2 ** 41, slow: 0 }, 'window.failures: expected an integer'],
    [{ type: 'consecutive', failures: 0 }, 'window.slow: expected an integer ≥ 0, as a count is, got undefined'],
    [new Map([['type', 'consecutive']]), 'window: expected the snapshot of a window, got a Map'],
    [{ type: 'count' }, 'window.type: expected "consecutive", for that is what the window is now, got "count"'],
  ])('is refused when it is none: case %#', (value, message) => {
    expect(() => read(value, 'consecutive')).toThrow(message);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5', null])('has no bucket of %s milliseconds ago', (agoMs) => {
    const bucket = { agoMs, calls: 1, failures: 1, paced: 1, slow: 0 };
    expect(() => read({ type: 'time', buckets: [bucket] }, 'time')).toThrow(
      'window.buckets[0].agoMs: expected a number of milliseconds ≥ 0',
    );
  });

  it('has at most a million calls', () => {
    const failed = '0'.repeat(1_000_001);
    expect(() => read({ type: 'count', failed, slow: '' }, 'count')).toThrow(
      'window.failed: expected a text of 0 and 1',
    );
  });
});
