import { describe, expect, it } from 'vitest';
import { Saturation } from './saturation.ts';

describe('saturation', () => {
  it('tells what it is to each that comes, and then each change, once', () => {
    let is = false;
    const saturation = new Saturation(() => is);
    const one: boolean[] = [];
    const other: boolean[] = [];
    saturation.saturated$.subscribe((value) => one.push(value));
    is = true;
    saturation.check();
    saturation.check();
    saturation.saturated$.subscribe((value) => other.push(value));
    is = false;
    saturation.check();
    expect(one).toEqual([false, true, false]);
    expect(other).toEqual([true, false]);
  });

  it('asks nothing while nobody listens', () => {
    let asked = 0;
    const saturation = new Saturation(() => {
      asked++;
      return true;
    });
    saturation.check();
    expect(asked).toBe(0);
    saturation.saturated$.subscribe().unsubscribe();
    expect(asked).toBe(1);
    saturation.check();
    expect(asked).toBe(1);
  });

  it('tells one that comes back what it is by then', () => {
    let is = false;
    const saturation = new Saturation(() => is);
    saturation.saturated$.subscribe().unsubscribe();
    is = true;
    const told: boolean[] = [];
    saturation.saturated$.subscribe((value) => told.push(value));
    expect(told).toEqual([true]);
  });

  it('lets a listener leave, and another come, while it tells', () => {
    let is = false;
    const saturation = new Saturation(() => is);
    const told: string[] = [];
    const first = saturation.saturated$.subscribe((value) => {
      told.push(`first ${value}`);
      if (value) {
        second.unsubscribe();
        saturation.saturated$.subscribe((its) => told.push(`third ${its}`));
      }
    });
    const second = saturation.saturated$.subscribe((value) => told.push(`second ${value}`));
    is = true;
    saturation.check();
    expect(told).toEqual(['first false', 'second false', 'first true', 'third true']);
    first.unsubscribe();
  });
});
