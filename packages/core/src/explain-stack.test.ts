import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { explain } from './explain-stack.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
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

describe('explain of a pipeline', () => {
  const three = pipeline('three', { limit: 7 } as object)
    .stage('plain', () => 1)
    .stage('agent', { kind: 'agent' }, () => 1)
    .stage('own', { limit: 9 } as object, () => 1)
    .stage('off', { limit: 'none' } as object, () => 1);
  const runner = createRunner({ use: made });

  it.each([
    ['plain', { value: 7, from: 'pipeline' }],
    ['agent', { value: 7, from: 'pipeline' }],
    ['own', { value: 9, from: 'stage' }],
  ])('shows for one stage what stands around it: %s', (stage, value) => {
    const { text, entries } = runner.explain(three, stage);
    expect(text).toMatch(new RegExp(`^Stage "${stage}" of "three", outermost first:\\n`));
    expect(entries.map(({ name }) => name)).toEqual(['limit']);
    expect(entries[0]?.options['ms']).toEqual(value);
  });

  it('shows a stage for which something is switched off', () => {
    expect(runner.explain(three, 'off').entries).toMatchObject([{ name: 'limit', off: true, options: {} }]);
  });

  it('shows all stages, in the order in which they were written, when none is named', () => {
    const { text, entries, findings } = runner.explain(three);
    const names = ['plain', 'agent', 'own', 'off'];
    const each = names.map((name) => runner.explain(three, name));
    expect(text).toBe(each.map((one) => one.text).join('\n'));
    expect(entries).toEqual(each.flatMap((one) => one.entries));
    expect(findings).toEqual([]);
  });

  it('has what the order check finds for a stage', () => {
    const misspelt = pipeline('p').stage('s', { limti: 1 } as object, () => 1);
    expect(runner.explain(misspelt, 's').findings).toMatchObject([{ code: 'unclaimed-policy' }]);
    expect(runner.explain(misspelt).findings).toHaveLength(1);
  });

  it('names the nearest stage to one that there is not', () => {
    expect(() => runner.explain(three, 'agnet')).toThrow(
      'Pipeline "three" has no stage "agnet"; did you mean "agent"?',
    );
    expect(() => runner.explain(three, 'agnet')).toThrow(ConfigError);
    expect(() => runner.explain(three, '')).toThrow(ConfigError);
    expect(() => runner.explain(three, 5 as never)).toThrow(ConfigError);
  });

  it('is empty for a pipeline without stages', () => {
    expect(runner.explain(pipeline('empty'))).toEqual({ text: '', entries: [], findings: [] });
  });

  it.each([[null], [5], ['agent'], [{}], [() => 1]])('refuses what is neither a tool nor a pipeline: %s', (target) => {
    expect(() => runner.explain(target as never)).toThrow(ConfigError);
  });
});
