import { describe, expect, it } from 'vitest';
import { failedInWords, slowInWords, slowProbesInWords, spanInWords } from './because.ts';

describe('the reason why a circuit is open', () => {
  it('is said in words', () => {
    const count = { type: 'count', size: 10, minimum: 5 } as const;
    const time = { type: 'time', sizeMs: 10_000, minimum: 5 } as const;
    const row = { type: 'consecutive', size: 3 } as const;
    expect(failedInWords(time, 6, 10)).toBe('6 of 10 calls failed in 10 s');
    expect(failedInWords(count, 6, 10)).toBe('6 of 10 calls failed');
    expect(failedInWords(row, 3, 3)).toBe('3 calls in a row failed');
    expect(failedInWords(row, 1, 1)).toBe('a call failed');
    expect(slowInWords(count, 5, 10, 2_000)).toBe('5 of 10 calls took longer than 2 s');
    expect(slowInWords(time, 5, 10, 250)).toBe('5 of 10 calls took longer than 250 ms in 10 s');
    expect(slowInWords(row, 4, 4, 1_500)).toBe('4 calls in a row took longer than 1.5 s');
    expect(slowProbesInWords(2, 3, 2_000)).toBe('2 of 3 probes took longer than 2 s');
    expect(slowProbesInWords(1, 1, 2_000)).toBe('the probe took longer than 2 s');
  });

  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [33_333.333, '33.333 s'],
  ])('has %d ms as "%s"', (ms, text) => {
    expect(spanInWords(ms)).toBe(text);
  });
});
