import { describe, expect, it } from 'vitest';
import { ByKey } from './by-key.ts';

function thing(idle: boolean) {
  return {
    idle,
    closed: 0,
    close(): void {
      this.closed++;
    },
  };
}

describe('what is kept by key', () => {
  it('is found, and replaced by what is set later, which closes it', () => {
    const kept = new ByKey<ReturnType<typeof thing>>();
    const first = thing(true);
    const second = thing(true);
    expect(kept.get('a')).toBeUndefined();
    kept.set('a', first);
    expect(kept.get('a')).toBe(first);
    kept.set('a', second);
    expect(kept.get('a')).toBe(second);
    expect([first.closed, second.closed]).toEqual([1, 0]);
  });

  it('is forgotten and closed past ten thousand, unless it is in use', () => {
    const kept = new ByKey<ReturnType<typeof thing>>();
    const inUse = thing(false);
    const idle = thing(true);
    kept.set('in use', inUse);
    kept.set('idle', idle);
    for (let n = 0; n < 30_000; n++) kept.set(`other ${n}`, thing(true));
    expect(kept.get('in use')).toBe(inUse);
    expect(inUse.closed).toBe(0);
    expect(kept.get('idle')).toBeUndefined();
    expect(idle.closed).toBe(1);
    expect([...kept.values()].length).toBeLessThanOrEqual(10_001);
  });

  it('is not found by what was asked for last once it is forgotten', () => {
    const kept = new ByKey<ReturnType<typeof thing>>();
    kept.set('first', thing(true));
    for (let n = 0; n < 10_000; n++) {
      kept.set(`other ${n}`, thing(true));
      if (n < 9_000) kept.get('first');
    }
    const found = kept.get('first');
    expect(found === undefined || found.closed === 0).toBe(true);
  });
});
