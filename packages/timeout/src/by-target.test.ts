import { describe, expect, it } from 'vitest';
import { ByTarget } from './by-target.ts';

const tool = (name: string) => ({ target: 'tool', name });

/** What notes when it was last of use. */
class Noted {
  usedAt: number;
  readonly #use: () => number;

  constructor(use: () => number) {
    this.#use = use;
    this.usedAt = use();
  }

  use(): void {
    this.usedAt = this.#use();
  }
}

const byTarget = (): ByTarget<Noted> => new ByTarget((use) => new Noted(use));

describe('what is kept by target', () => {
  it('is made when it is first asked for, and is the same from then on', () => {
    let made = 0;
    const by = new ByTarget((use) => {
      made++;
      return new Noted(use);
    });
    expect(made).toBe(0);
    const one = by.of(tool('a'));
    expect(by.of(tool('a'))).toBe(one);
    expect(by.of(tool('b'))).not.toBe(one);
    expect(made).toBe(2);
  });

  it('is apart for a stage, a tool and a function of one name', () => {
    const by = byTarget();
    const all = ['stage', 'tool', 'function'].map((target) => by.of({ target, name: 'a' }));
    expect(new Set(all).size).toBe(3);
    expect([...by.entries()].map(([key]) => key)).toEqual(['stage:a', 'tool:a', 'function:a']);
  });

  it('is not made by asking what is known', () => {
    const by = byTarget();
    expect(by.known(tool('a'))).toBeUndefined();
    expect([...by.entries()]).toHaveLength(0);
    const one = by.of(tool('a'));
    expect(by.known(tool('a'))).toBe(one);
  });

  it('is never more than a thousand, and what is made is kept for the time being', () => {
    const by = byTarget();
    for (let n = 0; n < 5_000; n++) {
      const made = by.of(tool(String(n)));
      expect(by.known(tool(String(n)))).toBe(made);
    }
    expect([...by.entries()]).toHaveLength(1_000);
  });

  it('is not forgotten for as long as it is of use, however many come and go', () => {
    const by = byTarget();
    const busy = [0, 1, 2].map((n) => by.of(tool(`busy ${n}`)));
    for (let n = 0; n < 5_000; n++) {
      by.of(tool(String(n)));
      for (const one of busy) one.use();
    }
    busy.forEach((one, n) => {
      expect(by.known(tool(`busy ${n}`))).toBe(one);
    });
  });

  it('is found under names that every object knows as well', () => {
    const by = byTarget();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(by.known(tool(name))).toBeUndefined();
      expect(by.of(tool(name))).toBe(by.known(tool(name)));
    }
  });
});
