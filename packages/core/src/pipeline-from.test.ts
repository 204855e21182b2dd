import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigIssue } from './errors/config-error.ts';
import { type Pipeline, pipeline } from './pipeline.ts';
import { type PipelineData, pipelineFrom } from './pipeline-from.ts';
import { createRunner } from './runner.ts';
import { stage } from './stage.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { toMermaid } from './to-mermaid.ts';

/** A pipeline of whose types nothing is known. */
type Made = Pipeline<unknown, Readonly<Record<string, { readonly output: unknown; readonly item: unknown }>>>;

const one = (): number => 1;
const table = { one, deps: (deps: object) => ({ ...deps }), reused: stage({ kind: 'agent', collect: 'last' }, one) };
const works = { stages: table };
const from = pipelineFrom as unknown as (data?: unknown, works?: unknown) => Made;
const graph = (stages: unknown, more: object = {}): unknown => ({ name: 'flow', stages, ...more });
const node = (name: unknown, needs?: unknown, more: object = {}): object => ({
  name,
  use: 'one',
  ...(needs === undefined ? {} : { needs }),
  ...more,
});

/** Everything that was said to be wrong, in one ConfigError; nothing if nothing was. */
function issuesOf(make: () => unknown): readonly ConfigIssue[] {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).issues;
  }
  return [];
}
const saidOf = (data: unknown, given: unknown = works): string[] =>
  issuesOf(() => from(data, given)).map(({ message }) => message);
const orderOf = (stages: unknown): string[] => from(graph(stages), works).stages.map(({ name }) => name);
const circles = (stages: unknown): string[] =>
  saidOf(graph(stages)).map((said) => said.replace('pipeline "flow": stages wait for one another in a circle: ', ''));

describe('a pipeline from data', () => {
  it('is what the builder makes of the same', () => {
    const when = (): boolean => true;
    const built = pipeline('flow', { onFailure: 'continue', deadline: '5s' })
      .stage('a', one)
      .stage('b', { needs: ['a'], kind: 'guard', idempotent: false, collect: 'last', when }, one)
      .stage('c', { needs: ['b'], optional: ['a'] }, table.reused);
    const made = from(
      graph(
        [
          { name: 'a', use: 'one' },
          { name: 'b', use: 'one', needs: ['a'], kind: 'guard', idempotent: false, collect: 'last', when },
          { name: 'c', use: 'reused', needs: ['b'], optional: ['a'] },
        ],
        { onFailure: 'continue', deadline: '5s' },
      ),
      works,
    );
    expect(made.stages).toEqual(built.stages);
    expect(made.onFailure).toBe('continue');
    expect(toMermaid(made)).toBe(toMermaid(built));
  });

  it('runs, with stages in any order, and gives each what it needs', async () => {
    const data = JSON.parse(`{ "name": "flow", "stages": [
      { "name": "sum", "needs": ["b"], "optional": ["a"], "use": "deps" },
      { "name": "b", "needs": ["a"], "use": "one" },
      { "name": "a", "use": "one" }
    ] }`) as PipelineData;
    const out = await createRunner().run(pipelineFrom(data, works), 'in');
    expect(out).toEqual({ a: 1, b: 1, sum: { input: 'in', a: 1, b: 1 } });
  });

  it('has nothing to add a stage with, and is as immutable as any', () => {
    const made = from(graph([node('a')]), works);
    expect('stage' in made).toBe(false);
    expect([made, made.stages, made.stages[0], made.stages[0]?.needs].every(Object.isFrozen)).toBe(true);
  });

  it('keeps nothing of the data that is changed later', () => {
    const needs = ['a'];
    const stages = [node('a'), node('b', needs)];
    const made = from(graph(stages), works);
    needs.push('zzz');
    stages.pop();
    expect(made.stages).toMatchObject([{ name: 'a' }, { name: 'b', needs: ['a'] }]);
  });

  it('may be frozen, and without prototypes', () => {
    const bare = (value: object): object => Object.freeze(Object.assign(Object.create(null), value));
    const data = bare({
      name: 'flow',
      stages: Object.freeze([bare(node('b', Object.freeze(['a']))), bare(node('a'))]),
    });
    expect(from(data, bare({ stages: bare(table) })).stages.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('may be empty', async () => {
    expect(await createRunner().run(from(graph([]), works)).report).toMatchObject({
      status: 'ok',
      stages: {},
    });
  });
});

describe('the stages of data stand in an order', () => {
  it('in which none comes before what it waits for, and otherwise as given', () => {
    expect(orderOf([node('a'), node('b'), node('c')])).toEqual(['a', 'b', 'c']);
    expect(orderOf([node('c', ['b']), node('a'), node('b', ['a'])])).toEqual(['a', 'b', 'c']);
    expect(orderOf([node('d', ['b', 'c']), node('c', ['a']), node('b', ['a']), node('a')])).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(orderOf([node('x', undefined, { optional: ['y'] }), node('y')])).toEqual(['y', 'x']);
  });

  it('for every one of 300 random graphs', () => {
    const random = seededRandom(3);
    const below = (limit: number): number => Math.floor(random() * limit);
    for (let round = 0; round < 300; round++) {
      const names = Array.from({ length: 1 + below(30) }, (_, index) => `s${index}`);
      const stages = names.map((name, index) => {
        const before = names.slice(0, index).filter(() => random() < 0.2);
        const cut = below(before.length + 1);
        return node(name, before.slice(0, cut), { optional: before.slice(cut) });
      });
      const shuffled = stages.map((value) => ({ value, at: random() })).sort((a, b) => a.at - b.at);
      const made = from(graph(shuffled.map(({ value }) => value)), works).stages;
      expect(made.map(({ name }) => name).sort()).toEqual([...names].sort());
      const seen = new Set<string>();
      for (const { name, needs, optional } of made) {
        for (const before of [...needs, ...optional]) expect(seen.has(before)).toBe(true);
        seen.add(name);
      }
    }
  });

  /** How often the data is read, whatever that is for. */
  function reads(stages: readonly object[]): number {
    let count = 0;
    const counting = <T extends object>(value: T): T =>
      new Proxy(value, {
        get(target, key, receiver) {
          count++;
          const got: unknown = Reflect.get(target, key, receiver);
          return Array.isArray(got) && Array.isArray(target) === false ? counting(got) : got;
        },
      });
    from(graph(stages.map(counting)), works);
    return count;
  }

  it.each<[string, (index: number, count: number) => object]>([
    ['a row', (index) => node(`s${index}`, index > 0 ? [`s${index - 1}`] : [])],
    ['a row the wrong way round', (index, count) => node(`s${index}`, index < count - 1 ? [`s${index + 1}`] : [])],
    ['a fan', (index) => node(`s${index}`, index > 0 ? ['s0'] : [])],
    [
      'a funnel',
      (index, count) => node(`s${index}`, index > 0 ? [] : Array.from({ length: count - 1 }, (_, at) => `s${at + 1}`)),
    ],
  ])('that is found in linear time: %s of 10,000', (_, make) => {
    const stages = (count: number): object[] => Array.from({ length: count }, (_, index) => make(index, count));
    expect(from(graph(stages(10_000)), works).stages).toHaveLength(10_000);
    const [few, many] = [reads(stages(500)), reads(stages(5_000))];
    expect(many / few).toBeGreaterThan(9);
    expect(many / few).toBeLessThan(11);
  });

  it('that can be run: 10,000 in a row', async () => {
    const stages = Array.from({ length: 10_000 }, (_, index) => node(`s${index}`, index > 0 ? [`s${index - 1}`] : []));
    const report = await createRunner().run(from(graph(stages), works)).report;
    expect(report.status).toBe('ok');
    expect(Object.keys(report.output)).toHaveLength(10_000);
  });
});

describe('stages of data that wait for one another in a circle are printed', () => {
  it('two, three, and one that waits for itself', () => {
    expect(circles([node('a', ['b']), node('b', ['a'])])).toEqual(['"a" → "b" → "a"']);
    expect(circles([node('a', ['b']), node('b', ['c']), node('c', ['a'])])).toEqual(['"a" → "b" → "c" → "a"']);
    expect(circles([node('a', ['a'])])).toEqual([
      'pipeline "flow", stage "a": needs[0]: "a" is the stage itself; a stage cannot wait for itself',
    ]);
  });

  it('by way of what is optional too', () => {
    expect(circles([node('a', [], { optional: ['b'] }), node('b', ['a'])])).toEqual(['"a" → "b" → "a"']);
  });

  it('without the tail that leads to it, or from it', () => {
    expect(circles([node('tail', ['a']), node('a', ['b']), node('b', ['a', 'end']), node('end')])).toEqual([
      '"a" → "b" → "a"',
    ]);
  });

  it('every one of several, also where they share a stage', () => {
    expect(circles([node('a', ['b']), node('b', ['a']), node('c', ['d']), node('d', ['c'])])).toEqual([
      '"a" → "b" → "a"',
      '"c" → "d" → "c"',
    ]);
    expect(circles([node('a', ['b', 'c']), node('b', ['a']), node('c', ['a'])])).toEqual([
      '"a" → "b" → "a"',
      '"a" → "c" → "a"',
    ]);
  });

  it('beside all else that is wrong', () => {
    const stages = [
      { name: 'a', needs: ['b'], use: 'oen' },
      node('b', ['a', 'b', 'zzz']),
      node('', ['a']),
      node('a'),
      node('input', ['c']),
      node('c', ['input'], { kind: 'x' }),
    ];
    const said = saidOf(graph(stages, { onFailure: 'stop' }));
    expect(said).toEqual([
      `pipeline "flow": onFailure: expected 'cancel' or 'continue', got "stop"`,
      'pipeline "flow", stage "a": use: there is no work "oen"; did you mean "one"?',
      'pipeline "flow", stage "b": needs[1]: "b" is the stage itself; a stage cannot wait for itself',
      expect.stringContaining('pipeline "flow", stage "b": needs[2]: there is no stage "zzz" to wait for; there are '),
      'pipeline "flow", stage "": name: expected a name, got ""',
      'pipeline "flow", stage "a": there is a stage of that name already; choose another',
      expect.stringContaining('pipeline "flow", stage "input": the name "input" is what every stage is given'),
      'pipeline "flow", stage "c": kind: expected one of transform, enrich, route, guard, work, agent, got "x"',
      'pipeline "flow": stages wait for one another in a circle: "input" → "c" → "input"',
    ]);
  });

  it('in part, when the circle is long', () => {
    const stages = Array.from({ length: 100 }, (_, index) => node(`s${index}`, [`s${(index + 1) % 100}`]));
    const [said = ''] = circles(stages);
    expect(said).toMatch(/^"s0" → "s1" → .* → "s19" → \(80 more\) → "s0"$/);
  });

  it('also one of 50,000 stages', () => {
    const count = 50_000;
    const stages = Array.from({ length: count }, (_, index) => node(`s${index}`, [`s${(index + 1) % count}`]));
    expect(circles(stages)).toHaveLength(1);
  });

  it('twenty of them, and of the others how many there are', () => {
    const pairs = (count: number): object[] =>
      Array.from({ length: count }, (_, index) => [
        node(`a${index}`, [`b${index}`]),
        node(`b${index}`, [`a${index}`]),
      ]).flat();
    expect(circles(pairs(20))).toHaveLength(20);
    const said = circles(pairs(1_000));
    expect(said[19]).toBe('"a19" → "b19" → "a19"');
    expect(said.slice(20)).toEqual(['pipeline "flow": there are 980 more such circles']);
  });

  it('in no more words than those, however tangled they are', () => {
    const names = Array.from({ length: 200 }, (_, index) => `s${index}`);
    const stages = names.map((name) =>
      node(
        name,
        names.filter((other) => other !== name),
      ),
    );
    const said = circles(stages);
    expect(said).toHaveLength(21);
    for (const one of said.slice(0, 20)) expect(one.split(' → ').length).toBeLessThanOrEqual(22);
    expect(said[20]).toMatch(/there are \d+ more such circles$/);
  });
});

describe('a mistake in data names pipeline and stage, the path, the value, and what was meant', () => {
  it.each<[string, unknown, string[]]>([
    ['no data', undefined, ['pipelineFrom: expected a plain object { name, stages }, got undefined']],
    ['null', null, ['pipelineFrom: expected a plain object { name, stages }, got null']],
    ['a text', '{}', ['pipelineFrom: expected a plain object { name, stages }, got "{}"']],
    ['a function', () => ({}), ['pipelineFrom: expected a plain object { name, stages }, got a function']],
    [
      'nothing in it',
      {},
      [
        'pipeline.name: expected a name, got undefined',
        'pipeline "?": stages: expected an array of stages, got undefined',
      ],
    ],
    ['stages by name', graph({ a: {} }), ['pipeline "flow": stages: expected an array of stages, got an object']],
    ['stages that are a text', graph('abc'), ['pipeline "flow": stages: expected an array of stages, got "abc"']],
    [
      'stages that are none',
      graph([null, 'a', 5, [], () => 1, undefined]),
      [null, '"a"', 5, 'an array of 0', 'a function', undefined].map(
        (got, index) => `pipeline "flow", stages[${index}]: expected a stage { name, use }, got ${got}`,
      ),
    ],
    [
      'a stage of nothing',
      graph([{}]),
      [
        'pipeline "flow", stages[0]: use: expected the name of one of the given works, got undefined',
        'pipeline "flow", stages[0]: name: expected a name, got undefined',
      ],
    ],
    [
      'a work in place of its name',
      graph([{ name: 'a', use: one }]),
      ['pipeline "flow", stage "a": use: expected the name of one of the given works, got a function'],
    ],
    [
      'a use that nearly is one',
      graph([{ name: 'a', use: 'One' }]),
      ['pipeline "flow", stage "a": use: there is no work "One"; did you mean "one"?'],
    ],
    [
      'a use that is none',
      graph([{ name: 'a', use: 'weather' }]),
      ['pipeline "flow", stage "a": use: there is no work "weather"; there are "one", "deps", "reused"'],
    ],
    [
      'a need that nearly is a stage',
      graph([node('fetch'), node('mail', ['fetsh'])]),
      ['pipeline "flow", stage "mail": needs[0]: there is no stage "fetsh" to wait for; did you mean "fetch"?'],
    ],
    [
      'needs that are a text',
      graph([node('a', 'b')]),
      ['pipeline "flow", stage "a": needs: expected an array of names, got "b"'],
    ],
    [
      'a name twice',
      graph([node('a'), node('a')]),
      ['pipeline "flow", stage "a": there is a stage of that name already; choose another'],
    ],
    [
      'a when from outside',
      graph([node('a', [], { when: 'always' })]),
      ['pipeline "flow", stage "a": when: expected a function (deps) => boolean, got "always"'],
    ],
    [
      'an option of a run',
      graph([node('a', [], { deadline: '5s' })]),
      ['pipeline "flow", stage "a": deadline: is no option of a stage; it bounds a run, and "timeout" bounds a stage'],
    ],
    ['an option of a stage', graph([], { needs: [] }), ['pipeline "flow": needs: is no option of a pipeline']],
  ])('%s', (_, data, said) => {
    expect(saidOf(data)).toEqual(said);
  });

  it.each<[string, unknown, string]>([
    ['no works', undefined, 'pipelineFrom: works: expected a plain object, got undefined'],
    ['works that are null', { stages: null }, 'pipelineFrom: works.stages: expected a plain object, got null'],
    ['works without stages', { one }, 'pipelineFrom: works.stages: expected a plain object, got undefined'],
    [
      'works that are a function',
      { stages: one },
      'pipelineFrom: works.stages: expected a plain object, got a function',
    ],
  ])('%s', (_, given, said) => {
    expect(issuesOf(() => from(graph([]), given)).map(({ message }) => message)).toEqual([said]);
  });

  it.each<[string, unknown, string]>([
    ['a text', 'one', '"one"'],
    ['undefined', undefined, 'undefined'],
    ['a promise', Promise.resolve(), 'a Promise'],
    ['an object', {}, 'an object'],
  ])('a work that is %s', (_, work, got) => {
    expect(saidOf(graph([node('a')]), { stages: { one: work } })).toEqual([
      `pipeline "flow", stage "a": work: expected a function (deps, context) => result, or a stage made by stage(), got ${got}`,
    ]);
  });

  it('data and works are both told', () => {
    expect(saidOf(null, null)).toHaveLength(2);
  });

  it.each<[string, unknown]>([
    ['a Map', new Map([['one', one]])],
    ['an array', [one]],
    ['a promise', Promise.resolve(table)],
    [
      'an instance of a class',
      new (class {
        readonly one = one;
      })(),
    ],
  ])('%s says nothing that could be meant, as data, as a stage, as works or as their table', (_, value) => {
    for (const said of [
      saidOf(value),
      saidOf(graph([value])),
      saidOf(graph([]), value),
      saidOf(graph([]), { stages: value }),
    ]) {
      expect(said.length).toBeGreaterThan(0);
    }
  });

  it('a use that is none is told with ten of those that there are', () => {
    const stages = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`work ${index}`, one]));
    const [said = ''] = saidOf(graph([node('a')]), { stages });
    expect(said).toMatch(/: use: there is no work "one"; there are "work 0", .*, "work 9" and others$/);
    expect(saidOf(graph([node('a')]), { stages: {} })).toEqual([
      'pipeline "flow", stage "a": use: there is no work "one"; there is none at all',
    ]);
  });

  it('the name of a use that is too long to be read is shortened', () => {
    const [said = ''] = saidOf(graph([{ name: 'a', use: 'n'.repeat(100_000) }]));
    expect(said).toContain('use: there is no work "nnn');
    expect(said.length).toBeLessThan(300);
  });
});

describe('hostile data', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    'the use %s finds nothing',
    (use) => {
      expect(saidOf(graph([{ name: 'a', use }]))).toEqual([
        `pipeline "flow", stage "a": use: there is no work "${use}"; there are "one", "deps", "reused"`,
      ]);
      const given = { stages: JSON.parse(`{"${use}":1}`) as Record<string, unknown> };
      Object.defineProperty(given.stages, use, { value: one, enumerable: true });
      expect(from(graph([{ name: 'a', use }]), given).stages).toHaveLength(1);
    },
  );

  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'a stage may be called %s, and be needed',
    async (name) => {
      const made = from(graph([node('after', [name], { use: 'deps' }), node(name)]), works);
      const { output } = await createRunner().run(made).report;
      expect(output).toEqual({ [name]: 1, after: { input: undefined, [name]: 1 } });
      expect(saidOf(graph([node('after', [name])]))).toHaveLength(1);
    },
  );

  it('that pollutes nothing: __proto__ in data, in a stage, as a name, a need and a work', () => {
    const text = `{ "name": "flow", "__proto__": { "onFailure": "continue", "polluted": 1 },
      "stages": [
        { "name": "a", "use": "one", "__proto__": { "kind": "agent", "polluted": 1, "needs": ["nope"] } },
        { "name": "b", "use": "one", "constructor": { "prototype": { "polluted": 1 } } }
      ] }`;
    const made = from(JSON.parse(text), works);
    expect(made).toMatchObject({
      onFailure: 'cancel',
      stages: [{ name: 'a', needs: [], kind: undefined }, { name: 'b' }],
    });
    expect(saidOf(graph([node('__proto__', ['__proto__']), node('a', ['__proto__'])])).length).toBeGreaterThan(0);
    expect('polluted' in {}).toBe(false);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('50,000 needs, all of which are there', () => {
    const names = Array.from({ length: 50_000 }, (_, index) => `n${index}`);
    const made = from(graph([node('all', names), ...names.map((name) => node(name))]), works);
    expect(made.stages.at(-1)?.needs).toHaveLength(50_000);
  });

  it('100,000 needs, none of which is there', () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `n${index}`);
    expect(saidOf(graph([node('all', names)]))).toHaveLength(100_000);
    const self = names.map(() => 'all');
    expect(saidOf(graph([node('all', self)]))).toHaveLength(100_000);
  });

  it('100,000 mistakes make a message of two hundred lines, and one that says how many more there are', () => {
    const needs = Array.from({ length: 100_000 }, () => 5);
    let error: unknown;
    try {
      from(graph([node('n'.repeat(10_000), needs)]), works);
    } catch (thrown) {
      error = thrown;
    }
    const { message, issues } = error as ConfigError;
    expect([message.split('\n').length, issues.length]).toEqual([201, 100_000]);
    expect(message).toContain('… and 99800 more');
    expect(message.length).toBeLessThan(50_000);
  });

  it('is read once: what was checked is what is built', () => {
    const reads: string[] = [];
    const counting = <T extends object>(value: T, path: string): T =>
      new Proxy(value, {
        get(target, key, receiver) {
          if (Object.hasOwn(target, key) && key !== 'length') reads.push(`${path}${String(key)}`);
          return Reflect.get(target, key, receiver) as unknown;
        },
      });
    const stages = counting(
      [counting({ name: 'a', use: 'one', kind: 'work', needs: counting(['b'], 'needs.') }, 'a.'), node('b')],
      'stages.',
    );
    from(counting({ name: 'flow', deadline: '5s', stages }, ''), { stages: counting({ one }, 'works.') });
    const once = ['name', 'deadline', 'stages', 'stages.0', 'stages.1', 'a.name', 'a.use', 'a.kind', 'a.needs'];
    expect([...reads].sort()).toEqual([...once, 'needs.0', 'works.one'].sort());
  });

  it('a name of a million letters works', async () => {
    const name = 'n'.repeat(1_000_000);
    const made = from(graph([node(name), node('after', [name])]), works);
    expect((await createRunner().run(made).report).status).toBe('ok');
    expect(made.stages[1]?.needs[0]).toBe(name);
  });

  it('a name of more than a hundred letters is compared with no other, and hinted at none', () => {
    const needing = (length: number): object[] =>
      [...'abcd'].map((letter) => node(letter.repeat(length), [`${letter.repeat(length - 1)}!`]));
    // To compare two of a million letters would take days.
    for (const length of [101, 1_000_000]) {
      const said = saidOf(graph(needing(length)));
      expect(said).toHaveLength(4);
      for (const one of said) expect(one).not.toContain('did you mean');
    }
    for (const one of saidOf(graph(needing(100)))) expect(one).toContain('did you mean');
  });

  it('a long name in many mistakes is shortened in each', () => {
    const needs = Array.from({ length: 100_000 }, (_, index) => index);
    expect(saidOf(graph([node('n'.repeat(10_000), needs)]))).toHaveLength(100_000);
  });

  it('20,000 stages that all need what is nearly there are all told, twenty of them with a hint', () => {
    // To compare each with every other would take minutes.
    const stages = Array.from({ length: 20_000 }, (_, index) => node(`stage-${index}`, [`stagee-${index}`]));
    const said = saidOf(graph(stages));
    expect(said).toHaveLength(20_000);
    const hinted = said.map((one) => one.includes('; did you mean "stage-'));
    expect(hinted.indexOf(false)).toBe(20);
    expect(hinted.lastIndexOf(true)).toBe(19);
    expect(said.at(-1)).toMatch(/to wait for; there are "stage-0", .*, "stage-9" and others$/);
  });

  it('holes in the stages and in the needs are mistakes', () => {
    const stages = new Array<unknown>(3);
    stages[1] = node('a', new Array(1));
    expect(saidOf(graph(stages))).toEqual([
      'pipeline "flow", stages[0]: expected a stage { name, use }, got undefined',
      'pipeline "flow", stages[2]: expected a stage { name, use }, got undefined',
      'pipeline "flow", stage "a": needs[0]: expected the name of a stage, got undefined',
    ]);
  });

  it.each(['$&', "$'", '$`', '$1', '$$', 'stages[0]'])(
    'a stage called %j is called so in what is said of it',
    (name) => {
      expect(saidOf(graph([{ name, use: 'zzzzzz' }]))).toEqual([
        `pipeline "flow", stage "${name}": use: there is no work "zzzzzz"; there are "one", "deps", "reused"`,
      ]);
    },
  );

  const trap = (): never => {
    throw new Error('trap');
  };
  const trapped = new Proxy({}, { get: trap, ownKeys: trap, has: trap, getOwnPropertyDescriptor: trap });
  const revoked = (target: object): object => {
    const { proxy, revoke } = Proxy.revocable(target, {});
    revoke();
    return proxy;
  };
  it.each<[string, () => unknown, unknown]>([
    [
      'a getter that throws for the name',
      () => ({
        get name() {
          return trap();
        },
        stages: [],
      }),
      works,
    ],
    [
      'a getter that throws for the stages',
      () => ({
        name: 'flow',
        get stages() {
          return trap();
        },
      }),
      works,
    ],
    [
      'a getter that throws for an option',
      () => ({
        name: 'flow',
        stages: [],
        get deadline() {
          return trap();
        },
      }),
      works,
    ],
    [
      'a getter that throws for the use',
      () =>
        graph([
          {
            name: 'a',
            get use() {
              return trap();
            },
          },
        ]),
      works,
    ],
    [
      'a getter that throws for the needs',
      () =>
        graph([
          {
            name: 'a',
            use: 'one',
            get needs() {
              return trap();
            },
          },
        ]),
      works,
    ],
    [
      'a getter that throws for a need',
      () => graph([node('a', Object.defineProperty(['x'], 0, { get: trap }))]),
      works,
    ],
    ['a Proxy that throws', () => trapped, works],
    ['a Proxy that throws for a stage', () => graph([trapped]), works],
    ['a Proxy that is revoked', () => revoked({}), works],
    ['a revoked Proxy of stages', () => graph(revoked([])), works],
    ['a revoked Proxy of needs', () => graph([node('a', revoked([]))]), works],
    ['works that are a Proxy that throws', () => graph([node('a')]), { stages: trapped }],
  ])('%s is told, and is not what is thrown', (_, data, given) => {
    expect(issuesOf(() => from(data(), given)).length).toBeGreaterThan(0);
  });

  it('a Proxy that answers is data like any other', () => {
    const through = (value: object): object => new Proxy(value, {});
    const made = from(
      through({ name: 'flow', stages: through([through(node('b', through(['a']))), node('a')]) }),
      through({ stages: through(table) }),
    );
    expect(made.stages.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

describe('random hostile data', () => {
  it('5,000 times: a pipeline that works, or a ConfigError that says why not', async () => {
    const random = seededRandom(20_26);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
    const names = ['a', 'b', 'c', 'd', 'constructor', 'toString', '?', '$&', 'é', 'x\ny'];
    const bad: readonly (() => unknown)[] = [
      () => '',
      () => ' ',
      () => 'input',
      () => 'then',
      () => '__proto__',
      () => null,
      () => undefined,
      () => 5,
      () => Number.NaN,
      () => -0,
      () => 7n,
      () => Symbol('s'),
      () => true,
      () => [],
      () => ({}),
      () => [['a']],
      () => () => 1,
      () => new Map([['a', 1]]),
      () => Promise.resolve(),
      () => Object.create(null),
      () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
      () => 'n'.repeat(500),
      () => table.reused,
      () => ({ toString: () => 'a' }),
    ];
    const wrong = (): unknown => pick(bad)();
    const or = <T>(right: () => T, share = 0.06): unknown => (random() < share ? wrong() : right());
    const list = (): unknown => or(() => names.filter(() => random() < 0.15).map((name) => or(() => name, 0.02)), 0.03);
    const fields: Readonly<Record<string, () => unknown>> = {
      needs: list,
      optional: list,
      kind: () => or(() => pick(['agent', 'work', undefined])),
      collect: () => or(() => pick(['all', 'last', undefined])),
      idempotent: () => or(() => pick([true, false, undefined])),
      when: () => or(() => () => true, 0.1),
      retry: wrong,
      deadline: () => undefined,
      ['__proto__']: wrong,
    };
    const define = (to: object, key: string, value: unknown): object =>
      Object.defineProperty(to, key, { value, enumerable: true, writable: true, configurable: true });
    const someStage = (name: string): unknown => {
      const made = { name: or(() => name, 0.03), use: or(() => pick(['one', 'deps', 'reused']), 0.03) };
      for (const key of Object.keys(fields)) if (random() < 0.12) define(made, key, fields[key]?.());
      return made;
    };
    const someData = (): unknown => {
      const shuffled = [...names].sort(() => random() - 0.5).slice(0, Math.floor(random() * 6));
      if (random() < 0.05) shuffled.push(pick(names));
      const made = {
        name: or(() => 'flow', 0.03),
        stages: or(() => shuffled.map((name) => or(() => someStage(name), 0.02)), 0.02),
      };
      if (random() < 0.1)
        define(
          made,
          'onFailure',
          or(() => 'continue', 0.3),
        );
      if (random() < 0.1)
        define(
          made,
          'deadline',
          or(() => '5s', 0.3),
        );
      if (random() < 0.05) define(made, pick(['signal', '__proto__', 'use', 'retry']), wrong());
      return made;
    };
    const runner = createRunner({ logger: { debug() {}, info() {}, warn() {}, error() {} } });
    const before = Reflect.ownKeys(Object.prototype);
    const outcomes = { made: 0, refused: 0 };
    for (let round = 0; round < 5_000; round++) {
      const data = or(someData, 0.01);
      let made: Made | undefined;
      const issues = issuesOf(() => {
        made = from(data, random() < 0.005 ? { stages: wrong() } : works);
      });
      if (made === undefined) {
        outcomes.refused++;
        expect(issues.length).toBeGreaterThan(0);
        for (const { path, message } of issues)
          expect(message.startsWith(path) && message.length > path.length).toBe(true);
        continue;
      }
      outcomes.made++;
      const given = (data as { stages: { name: string }[] }).stages.map(({ name }) => name);
      expect(made.stages.map(({ name }) => name).sort()).toEqual(given.sort());
      const seen = new Set<string>();
      for (const { name, needs, optional } of made.stages) {
        for (const one of [...needs, ...optional]) expect(seen.has(one)).toBe(true);
        seen.add(name);
      }
      expect(toMermaid(made).startsWith('flowchart TD')).toBe(true);
      if (outcomes.made % 10 === 0) {
        const { report } = runner.run(made, undefined, { deadline: 'none' });
        expect((await report).status).toBe('ok');
      }
    }
    expect(Math.min(outcomes.made, outcomes.refused)).toBeGreaterThan(1_000);
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  }, 60_000);
});
