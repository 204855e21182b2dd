import { describe, expect, it } from 'vitest';
import { readDuration } from './duration.ts';
import { ConfigError } from './errors/config-error.ts';
import { PluginPolicy, type PluginPolicyInit } from './plugin-policy.ts';

/** The options of a plugin that has two: `limit`, whose shorthand is a duration, and `mode`, which is the plugin's as a whole. */
const policy = (given?: unknown, more: Partial<PluginPolicyInit> = {}): PluginPolicy =>
  new PluginPolicy({
    key: 'patience',
    given,
    options: ['limit', 'mode'],
    wholeOnly: ['mode'],
    read(written, path, problems) {
      if (typeof written !== 'object') return { limit: readDuration(written, path, problems) };
      const { limit, mode } = written as { limit?: unknown; mode?: unknown };
      return {
        ...(limit === undefined ? {} : { limit: readDuration(limit, `${path}.limit`, problems) }),
        ...(mode === undefined ? {} : { mode }),
      };
    },
    ...more,
  });

const issuesOf = (act: () => unknown): string[] => {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ message }) => message);
  }
  return expect.unreachable('it should have been refused');
};

describe('the options of a plugin', () => {
  it('are a shorthand, the fields of an object, nothing, or none at all', () => {
    expect(policy('2s').options).toEqual({ limit: 2_000 });
    expect(policy({ limit: 5, mode: 'fast' }).options).toEqual({ limit: 5, mode: 'fast' });
    expect(policy().options).toBeUndefined();
    expect(policy('none').options).toBe('none');
    expect(policy({}).options).toEqual({});
  });

  it('come with a name, a place and what it applies to, each as it is unless given', () => {
    const bare = policy();
    expect([bare.key, bare.name, bare.priority, bare.applies]).toEqual(['patience', 'patience', undefined, undefined]);
    const applies = () => true;
    const own = policy({ name: 'mine', priority: 7.5, applies });
    expect([own.key, own.name, own.priority, own.applies]).toEqual(['patience', 'mine', 7.5, applies]);
    for (const word of ['stage', 'tool', 'function']) expect(policy({ applies: word }).applies).toBe(word);
    expect(policy({ name: 'mine' }).options).toEqual({});
  });

  it('may differ by kind, stage and tool, in the same words', () => {
    const { kinds, stages, tools } = policy({
      kinds: { agent: '2m', route: 'none' },
      stages: { fetch: { limit: 5 }, other: undefined },
      tools: { search: 10 },
    });
    expect(kinds).toEqual({ agent: { limit: 120_000 }, route: 'none' });
    expect(stages).toEqual({ fetch: { limit: 5 }, other: undefined });
    expect(tools).toEqual({ search: { limit: 10 } });
  });

  it('have no layers unless given', () => {
    for (const one of [policy(), policy('2s'), policy({ limit: 5 })]) {
      expect([one.kinds, one.stages, one.tools]).toEqual([{}, {}, {}]);
    }
  });

  it.each<[unknown, string[]]>([
    ['soon', ['patience: expected']],
    [{ limt: 5 }, ['patience.limt: unknown option; did you mean "limit"?']],
    [{ name: '' }, ['patience.name: expected a name, got ""']],
    [{ name: 5 }, ['patience.name: expected a name, got 5']],
    [{ priority: Number.NaN }, ['patience.priority: expected a finite number, such as Place.retry, got NaN']],
    [{ priority: '5' }, ['patience.priority: expected a finite number']],
    [{ applies: 'tools' }, ["patience.applies: expected 'stage', 'tool', 'function' or a function (call) => boolean"]],
    [{ kinds: { agnet: 5 } }, ['patience.kinds.agnet: unknown option; did you mean "agent"?']],
    [{ kinds: 5 }, ['patience.kinds: expected']],
    [{ stages: { fetch: { limt: 5 } } }, ['patience.stages.fetch.limt: unknown option']],
    [{ tools: { search: null } }, ['patience.tools.search: expected a plain object of options, got null']],
    [{ tools: { search: { name: 'x' } } }, ['patience.tools.search.name: unknown option']],
    [{ tools: { search: { mode: 'x' } } }, ['patience.tools.search.mode: can be said of patience as a whole only']],
    [{ kinds: { agent: { stages: {} } } }, ['patience.kinds.agent.stages: unknown option']],
    [{ limit: 'x', name: '', tools: { a: -1 } }, ['patience.name', 'patience.limit', 'patience.tools.a']],
  ])('are refused: %o', (given, messages) => {
    const issues = issuesOf(() => policy(given));
    expect(issues).toHaveLength(messages.length);
    for (const message of messages) expect(issues.some((issue) => issue.startsWith(message))).toBe(true);
  });
});

describe('what a user writes per stage or tool', () => {
  it('is read like the plugin’s own, with the path at which it stands', () => {
    const one = policy();
    expect(one.parse('2s', 'tool "x": patience')).toEqual({ limit: 2_000 });
    expect(one.parse({ limit: 5 }, 'x')).toEqual({ limit: 5 });
    expect(issuesOf(() => one.parse({ limt: 5 }, 'tool "x": patience'))[0]).toContain('tool "x": patience.limt');
    expect(issuesOf(() => one.parse({ limit: 'soon' }, 'x'))[0]).toContain('x.limit: expected');
    expect(issuesOf(() => one.parse({ mode: 'fast' }, 'x'))[0]).toBe('x.mode: can be said of patience as a whole only');
    expect(issuesOf(() => one.parse([], 'x'))[0]).toContain('x: expected a plain object of options');
  });

  it('may say nothing, which is no field', () => {
    expect(policy().parse(undefined, 'x')).toEqual({});
    expect(policy().parse('none', 'x')).toEqual({});
    expect(policy().parse({}, 'x')).toEqual({});
  });
});

describe('a change of options while it runs', () => {
  it('replaces field by field, and can be undone', () => {
    const one = policy({ limit: 5, mode: 'fast', tools: { a: { limit: 1 }, b: 'none' } });
    const undo = one.update({ limit: 7, tools: { a: { mode: undefined }, b: 3, c: 4 }, kinds: { agent: 9 } });
    expect(one.options).toEqual({ limit: 7, mode: 'fast' });
    expect(one.tools).toEqual({ a: { limit: 1 }, b: { limit: 3 }, c: { limit: 4 } });
    expect(one.kinds).toEqual({ agent: { limit: 9 } });
    undo();
    expect(one.options).toEqual({ limit: 5, mode: 'fast' });
    expect([one.tools, one.kinds]).toEqual([{ a: { limit: 1 }, b: 'none' }, {}]);
  });

  it('says nothing by undefined, and switches off by none', () => {
    const one = policy({ limit: 5, tools: { a: 1 } });
    one.update({ limit: undefined, tools: undefined });
    expect([one.options, one.tools]).toEqual([{ limit: 5 }, { a: { limit: 1 } }]);
    one.update({ tools: { a: undefined } });
    expect(one.tools).toEqual({ a: { limit: 1 } });
    one.update('none');
    expect([one.options, one.tools]).toEqual(['none', { a: { limit: 1 } }]);
    one.update({ limit: 3 });
    expect(one.options).toEqual({ limit: 3 });
    one.update(undefined);
    expect(one.options).toEqual({ limit: 3 });
  });

  it('may be made by the shorthand', () => {
    const one = policy({ limit: 5, mode: 'fast' });
    one.update('2s');
    expect(one.options).toEqual({ limit: 2_000, mode: 'fast' });
  });

  it('changes neither name nor place nor what it applies to, and nothing at all when it is wrong', () => {
    const one = policy({ limit: 5 });
    for (const patch of [{ name: 'x' }, { priority: 5 }, { applies: 'tool' }]) {
      const [field] = Object.keys(patch);
      expect(issuesOf(() => one.update({ ...patch, limit: 9 }))).toEqual([
        `patience.${field}: cannot be changed while it runs`,
      ]);
    }
    expect(issuesOf(() => one.update({ limit: -1, tools: { a: 3 } }))).toHaveLength(1);
    expect([one.options, one.tools]).toEqual([{ limit: 5 }, {}]);
  });
});

describe('what else a plugin says of its options', () => {
  it('is handed on: defaults, what is implied, and what it makes of them', () => {
    const one = policy(undefined, {
      defaults: { limit: 1 },
      implied: ({ limit }) => ({ mode: limit }),
      prepare: (fields, { name }) => ({ ...fields, name }),
    });
    expect(one.defaults).toEqual({ limit: 1 });
    expect(one.implied?.({ limit: 4 })).toEqual({ mode: 4 });
    expect(one.prepare?.({ limit: 4 }, { target: 'tool', name: 'x' }, {})).toEqual({ limit: 4, name: 'x' });
  });

  it('is nothing where it says nothing', () => {
    const one = policy();
    expect('defaults' in one || 'implied' in one || 'prepare' in one).toBe(false);
  });
});
