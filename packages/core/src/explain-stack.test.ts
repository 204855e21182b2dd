import { describe, expect, it } from 'vitest';
import { explain } from './explain-stack.ts';
import { defineInterceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { tool } from './tool.ts';

const limit = defineInterceptor({
  name: 'limit',
  priority: Place.total,
  policy: {
    key: 'limit',
    parse: (value) => ({ ms: value }),
    defaults: { ms: 1, soft: 1 },
    options: { ms: 2 },
    kinds: { agent: { ms: 3 } },
  },
  intercept: (call, next) => next(call),
});
const functions = defineInterceptor({
  name: 'functions',
  priority: 0,
  applies: 'function',
  intercept: limit.intercept,
});
const made = stack([limit, functions]);

const ms = (options: object): unknown =>
  explain(
    made,
    tool('a', options, () => 1),
  ).entries[0]?.options['ms'];

describe('explain', () => {
  it('shows a stack as such: everything in it, with the options of the plugins', () => {
    const { text, entries, findings } = explain(made);
    expect(text).toMatch(/^Stack, outermost first:\n/);
    expect(entries.map(({ name, place }) => [name, place])).toEqual([
      ['functions', 'observe'],
      ['limit', 'total'],
    ]);
    expect(entries[1]?.options).toEqual({ ms: { value: 2, from: 'plugin' }, soft: { value: 1, from: 'default' } });
    expect(findings).toEqual([]);
  });

  it('shows for a tool what stands around it, and where each value came from', () => {
    expect(
      explain(
        made,
        tool('a', {}, () => 1),
      ).entries.map(({ name }) => name),
    ).toEqual(['limit']);
    expect(
      explain(
        made,
        tool('a', {}, () => 1),
      ).text,
    ).toMatch(/^Tool "a", outermost first:\n/);
    expect(ms({})).toEqual({ value: 2, from: 'plugin' });
    expect(ms({ kind: 'agent' })).toEqual({ value: 3, from: 'kind' });
    expect(ms({ kind: 'agent', limit: 4 })).toEqual({ value: 4, from: 'tool' });
  });

  it('shows what is switched off', () => {
    const { entries, text } = explain(
      made,
      tool('a', { limit: 'none' } as object, () => 1),
    );
    expect(entries).toMatchObject([{ name: 'limit', off: true, options: {} }]);
    expect(text).toContain('limit  switched off');
  });

  it('shows a runner as its stack', () => {
    const runner = createRunner({ use: made });
    const agent = tool('a', { kind: 'agent' }, () => 1);
    expect(explain(runner)).toEqual(explain(made));
    expect(explain(runner, agent)).toEqual(explain(made, agent));
    expect(runner.explain(agent)).toEqual(made.explain(agent));
  });

  it('has what the order check finds for the tool', () => {
    expect(
      explain(
        made,
        tool('a', { limti: 1 } as object, () => 1),
      ).findings,
    ).toMatchObject([{ code: 'unclaimed-policy' }]);
  });
});
