import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { ConfigError, type ConfigIssue } from './errors/config-error.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { type Pipeline, type PipelineOptions, pipeline, pipelineFacts, type StageInfo } from './pipeline.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { stage } from './stage.ts';
import { virtualClock } from './testing/index.ts';
import { tool } from './tool.ts';

/** A builder as plain JavaScript sees it. */
interface Loose extends Pipeline<unknown, object> {
  stage(...args: readonly unknown[]): Loose;
}
const digest = pipeline<string>('digest')
  .stage('fetch', ({ input }) => input.length)
  .stage('parse', ['fetch'], ({ fetch }) => fetch * 2);
const loose = digest as unknown as Loose;
const begin = pipeline as unknown as (...args: readonly unknown[]) => Loose;

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
const saidOf = (make: () => unknown): string[] => issuesOf(make).map(({ message }) => message);
const work = (): number => 1;
const AT = 'pipeline "digest", stage "mail"';
const WORK = 'a function (deps, context) => result, or a stage made by stage()';

describe('a pipeline is immutable', () => {
  it('adding a stage makes another pipeline and changes nothing about the first', () => {
    const before = JSON.stringify(digest);
    const left = digest.stage('left', ['parse'], work);
    const right = digest.stage('right', ['parse'], work);
    expect(left).not.toBe(digest);
    expect(JSON.stringify(digest)).toBe(before);
    const namesOf = ({ stages }: { stages: readonly StageInfo[] }): string[] => stages.map(({ name }) => name);
    expect([digest, left, right].map(namesOf)).toEqual([
      ['fetch', 'parse'],
      ['fetch', 'parse', 'left'],
      ['fetch', 'parse', 'right'],
    ]);
    expect(pipelineFacts(left).nodes[0]).toBe(pipelineFacts(digest).nodes[0]);
  });

  it('it is frozen through and through, what it was made from is not', () => {
    const needs: 'fetch'[] = ['fetch'];
    const options = { needs, optional: ['parse' as const] };
    const made = digest.stage('more', options, work);
    for (const part of [made, made.stages, ...made.stages, made.stages[2]?.needs, made.stages[2]?.optional]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    needs.push('fetch');
    options.optional.length = 0;
    expect(made.stages[2]).toMatchObject({ needs: ['fetch'], optional: ['parse'] });
    expect(Object.isFrozen(needs) || Object.isFrozen(options)).toBe(false);
    expect(() => (made.stages as StageInfo[]).push({} as StageInfo)).toThrow(TypeError);
    expect(() => Object.assign(made, { name: 'other' })).toThrow(TypeError);
  });

  it('its stages are plain data that survive JSON and a structured clone', () => {
    const made = digest.stage('mail', { needs: ['fetch'], optional: ['parse'], kind: 'agent', when: () => true }, work);
    const plain = [
      { name: 'fetch', needs: [], optional: [], idempotent: true, collect: 'all', conditional: false },
      { name: 'parse', needs: ['fetch'], optional: [], idempotent: true, collect: 'all', conditional: false },
      {
        name: 'mail',
        needs: ['fetch'],
        optional: ['parse'],
        kind: 'agent',
        idempotent: true,
        collect: 'all',
        conditional: true,
      },
    ];
    expect(JSON.parse(JSON.stringify(made.stages))).toEqual(plain);
    expect(structuredClone(made.stages)).toEqual(plain);
    expect(JSON.parse(JSON.stringify(made))).toEqual({ name: 'digest', onFailure: 'cancel', stages: plain });
  });

  it('a stage that is refused leaves it as it was', () => {
    const before = JSON.stringify(digest);
    expect(issuesOf(() => loose.stage('mail', ['nope'], work))).toHaveLength(1);
    expect(JSON.stringify(digest)).toBe(before);
    expect(loose.stage('mail', ['fetch'], work).stages).toHaveLength(3);
  });

  it('what says that it is one and is not is no pipeline', async () => {
    for (const fake of [{ ...digest }, Object.create(digest), JSON.parse(JSON.stringify(digest)), null, 'digest']) {
      expect(() => pipelineFacts(fake)).toThrow('expected a pipeline made by pipeline() or pipelineFrom(), got ');
      await expect(createRunner().run(fake as typeof loose)).rejects.toThrow(ConfigError);
    }
  });

  it('a builder method that was taken off its pipeline says so', () => {
    const { stage: taken } = loose;
    expect(() => taken('a', work)).toThrow(ConfigError);
  });
});

describe('a stage is added', () => {
  const runner = createRunner();

  it('by name and work', async () => {
    expect(await runner.run(pipeline('x').stage('a', () => 7))).toEqual({ a: 7 });
  });

  it('by name, needs and work, which gets just what it needs and the input', async () => {
    let seen: unknown;
    const made = digest.stage('mail', ['parse'], (deps) => {
      seen = deps;
    });
    await runner.run(made, 'abc');
    expect(seen).toEqual({ input: 'abc', parse: 6 });
  });

  it('by name, options and work', async () => {
    const made = digest.stage('mail', { needs: ['fetch'], optional: ['parse'], collect: 'last' }, () => of(1, 2));
    expect((await runner.run(made, 'abc')).mail).toBe(2);
  });

  it.each<[string, readonly unknown[]]>([
    ['empty needs', [[]]],
    ['empty options', [{}]],
    ['options that are all undefined', [{ needs: undefined, optional: undefined, when: undefined, kind: undefined }]],
    ['frozen options', [Object.freeze({ needs: Object.freeze(['fetch']) })]],
    ['options without a prototype', [Object.assign(Object.create(null), { needs: ['fetch'] })]],
  ])('with %s', (_, [options]) => {
    expect(loose.stage('mail', options, work).stages[2]).toMatchObject({ name: 'mail', collect: 'all' });
  });

  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype', 'end', 'output', 'ünïcode ✓', ' a '])(
    'under any other name, such as %j',
    async (name) => {
      const made = begin('odd')
        .stage(name, () => 'value')
        .stage('after', [name], (deps: Record<string, unknown>) => deps[name]);
      const { output, stages } = await createRunner().run(made).report;
      expect(output).toEqual({ [name]: 'value', after: 'value' });
      expect(Object.keys(stages)).toEqual([name, 'after']);
    },
  );

  it('in order, however many there are', () => {
    let made = begin('long');
    for (let index = 0; index < 500; index++) made = made.stage(`s${index}`, index > 0 ? [`s${index - 1}`] : [], work);
    expect(made.stages.map(({ name }) => name)).toEqual(Array.from({ length: 500 }, (_, index) => `s${index}`));
  });
});

describe('a reusable stage with options where it is placed', () => {
  it('is merged with them field by field, the placement being the stronger', () => {
    const reused = stage({ kind: 'agent', idempotent: false, collect: 'last' }, work);
    const infoOf = (options: unknown): StageInfo | undefined => loose.stage('mail', options, reused).stages[2];
    expect(infoOf({})).toMatchObject({ kind: 'agent', idempotent: false, collect: 'last' });
    expect(infoOf(['fetch'])).toMatchObject({ needs: ['fetch'], kind: 'agent', idempotent: false, collect: 'last' });
    expect(infoOf({ kind: 'work' })).toMatchObject({ kind: 'work', idempotent: false, collect: 'last' });
    expect(infoOf({ idempotent: true })).toMatchObject({ kind: 'agent', idempotent: true, collect: 'last' });
    expect(infoOf({ collect: 'all', kind: undefined })).toMatchObject({ kind: 'agent', collect: 'all' });
    expect(reused).toEqual({ kind: 'agent', idempotent: false, collect: 'last' });
  });

  it('has its policies merged field by field: pipeline, then stage, then placement, then run', async () => {
    const seen: Record<string, unknown> = {};
    const asks: Interceptor = defineInterceptor({
      name: 'asks',
      priority: Place.observe,
      policy: { key: 'limit', parse: (value) => ({ ...(value as object) }) },
      intercept(call, next) {
        seen[call.name] = call.policy('limit');
        return next(call);
      },
    });
    const limits = (limit: unknown): PipelineOptions => ({ limit }) as PipelineOptions;
    const reused = stage(limits({ b: 'stage', c: 'stage', d: 'stage' }), work);
    const made = pipeline('merged', limits({ a: 'pipeline', b: 'pipeline' }))
      .stage('plain', work)
      .stage('reused', reused)
      .stage('placed', limits({ c: 'placed', d: 'placed' }), reused)
      .stage('off', limits('none'), reused);
    await createRunner({ use: [asks] }).run(made, undefined, limits({ d: 'run' }) as object);
    expect(seen).toEqual({
      plain: { a: 'pipeline', b: 'pipeline', d: 'run' },
      reused: { a: 'pipeline', b: 'stage', c: 'stage', d: 'run' },
      placed: { a: 'pipeline', b: 'stage', c: 'placed', d: 'run' },
      off: { a: 'pipeline', b: 'stage', c: 'stage', d: 'run' },
    });
    delete seen['off'];
    await createRunner({ use: [asks] }).run(made);
    expect('off' in seen).toBe(false);
  });

  it('stands in several pipelines, and more than once in one', async () => {
    const twice = stage({}, ({ input }: { input: number }) => input * 2);
    const made = pipeline<number>('many').stage('a', twice).stage('b', twice);
    expect(await createRunner().run(made, 4)).toEqual({ a: 8, b: 8 });
    expect(await createRunner().run(pipeline<number>('one').stage('c', twice), 5)).toEqual({ c: 10 });
  });
});

describe('a mistake in plain JavaScript names pipeline and stage, the path, the value, and what was meant', () => {
  it.each<[string, readonly unknown[], string]>([
    [
      'a need that nearly is a stage',
      ['mail', ['fetsh'], work],
      `${AT}: needs[0]: there is no stage "fetsh" to wait for; did you mean "fetch"?`,
    ],
    [
      'a need that is no stage at all',
      ['mail', ['fetch', 'weather'], work],
      `${AT}: needs[1]: there is no stage "weather" to wait for; there are "fetch", "parse"`,
    ],
    [
      'the same among the optional',
      ['mail', { optional: ['Parse'] }, work],
      `${AT}: optional[0]: there is no stage "Parse" to wait for; did you mean "parse"?`,
    ],
    ['itself', ['mail', ['mail'], work], `${AT}: needs[0]: "mail" is the stage itself; a stage cannot wait for itself`],
    [
      'itself among the optional',
      ['mail', { optional: ['mail'] }, work],
      `${AT}: optional[0]: "mail" is the stage itself; a stage cannot wait for itself`,
    ],
    [
      'the input',
      ['mail', ['input'], work],
      `${AT}: needs[0]: the input of the run is always there and need not be named`,
    ],
    ['a need named twice', ['mail', ['fetch', 'fetch'], work], `${AT}: needs[1]: "fetch" is named twice`],
    [
      'a need that is optional too',
      ['mail', { needs: ['fetch'], optional: ['fetch'] }, work],
      `${AT}: optional[0]: "fetch" is named twice`,
    ],
    [
      'needs that are a text',
      ['mail', { needs: 'fetch' }, work],
      `${AT}: needs: expected an array of names, got "fetch"`,
    ],
    ['needs that are null', ['mail', { needs: null }, work], `${AT}: needs: expected an array of names, got null`],
    [
      'needs that are a Set',
      ['mail', { needs: new Set(['fetch']) }, work],
      `${AT}: needs: expected an array of names, got a Set`,
    ],
    [
      'optional that is no array',
      ['mail', { optional: {} }, work],
      `${AT}: optional: expected an array of names, got an object`,
    ],
    ['a need that is no text', ['mail', [5], work], `${AT}: needs[0]: expected the name of a stage, got 5`],
    [
      'a need that is a stage',
      ['mail', [stage({}, work)], work],
      `${AT}: needs[0]: expected the name of a stage, got an object`,
    ],
    [
      'a need that is undefined',
      ['mail', [undefined], work],
      `${AT}: needs[0]: expected the name of a stage, got undefined`,
    ],
    [
      'a name that is taken',
      ['fetch', work],
      'pipeline "digest", stage "fetch": there is a stage of that name already; choose another',
    ],
    ['no name', ['', work], 'pipeline "digest", stage "": name: expected a name, got ""'],
    ['a blank name', [' \n', work], 'pipeline "digest", stage " \\n": name: expected a name, got " \\n"'],
    ['a name that is no text', [5, work], 'pipeline "digest", stage 5: name: expected a name, got 5'],
    [
      'a name that is a symbol',
      [Symbol('s'), work],
      'pipeline "digest", stage Symbol(s): name: expected a name, got Symbol(s)',
    ],
    [
      'a name that is undefined',
      [undefined, work],
      'pipeline "digest", stage undefined: name: expected a name, got undefined',
    ],
    [
      'the name input',
      ['input', work],
      'pipeline "digest", stage "input": the name "input" is what every stage is given as the input of the run; choose another',
    ],
    [
      'the name then',
      ['then', work],
      'pipeline "digest", stage "then": the name "then" would make a promise of the outputs; choose another',
    ],
    [
      'the name __proto__',
      ['__proto__', work],
      'pipeline "digest", stage "__proto__": the name "__proto__" means something else to JavaScript; choose another',
    ],
    [
      'options that are null',
      ['mail', null, work],
      `${AT}: options: expected an array of names, or a plain object, got null`,
    ],
    [
      'options that are a text',
      ['mail', 'fetch', work],
      `${AT}: options: expected an array of names, or a plain object, got "fetch"`,
    ],
    [
      'options that are undefined',
      ['mail', undefined, work],
      `${AT}: options: expected an array of names, or a plain object, got undefined`,
    ],
    ['no work', ['mail'], `${AT}: work: expected ${WORK}, got undefined`],
    ['needs and no work', ['mail', ['fetch']], `${AT}: work: expected ${WORK}, got an array of 1`],
    ['work that is null', ['mail', [], null], `${AT}: work: expected ${WORK}, got null`],
    ['work that is a text', ['mail', [], 'work'], `${AT}: work: expected ${WORK}, got "work"`],
    ['work that is a promise', ['mail', Promise.resolve(1)], `${AT}: work: expected ${WORK}, got a Promise`],
    ['work that is a pipeline', ['mail', digest], `${AT}: work: expected ${WORK}, got an object`],
    ['work that looks like a stage', ['mail', { ...stage({}, work) }], `${AT}: work: expected ${WORK}, got an object`],
    [
      'another kind',
      ['mail', { kind: 'agnet' }, work],
      `${AT}: kind: expected one of transform, enrich, route, guard, work, agent, got "agnet"`,
    ],
    [
      'a kind that is null',
      ['mail', { kind: null }, work],
      `${AT}: kind: expected one of transform, enrich, route, guard, work, agent, got null`,
    ],
    ['another collect', ['mail', { collect: 'first' }, work], `${AT}: collect: expected 'all' or 'last', got "first"`],
    ['another idempotent', ['mail', { idempotent: 'no' }, work], `${AT}: idempotent: expected true or false, got "no"`],
    [
      'a when that is no function',
      ['mail', { when: true }, work],
      `${AT}: when: expected a function (deps) => boolean, got true`,
    ],
  ])('%s', (_, args, message) => {
    expect(saidOf(() => loose.stage(...args))).toEqual([message]);
  });

  it.each(
    [
      ['name', 'input', 'output', 'description', 'use', 'signal', 'deadline', 'grace', 'runId', 'correlationId'],
      ['idempotencyKey', 'data', 'priority', 'stages', 'tools', 'replace', 'completed', 'onFailure'],
    ].flat(),
  )('the option %s, which is one of core elsewhere', (key) => {
    const instead = key === 'deadline' ? '; it bounds a run, and "timeout" bounds a stage' : '';
    expect(saidOf(() => loose.stage('mail', { [key]: 1 }, work))).toEqual([
      `${AT}: ${key}: is no option of a stage${instead}`,
    ]);
  });

  it('all that is wrong with one stage comes in one error, with the value and what is allowed beside the words', () => {
    const options = {
      kind: 'agnet',
      collect: 5,
      idempotent: null,
      when: 'always',
      deadline: '5s',
      needs: ['fetsh', 7],
      optional: 'parse',
    };
    const issues = issuesOf(() => loose.stage('fetch', options, 'work'));
    expect(issues.map(({ message }) => message.replace('pipeline "digest", stage "fetch"', ''))).toEqual([
      ': there is a stage of that name already; choose another',
      ': kind: expected one of transform, enrich, route, guard, work, agent, got "agnet"',
      ": collect: expected 'all' or 'last', got 5",
      ': idempotent: expected true or false, got null',
      ': when: expected a function (deps) => boolean, got "always"',
      ': deadline: is no option of a stage; it bounds a run, and "timeout" bounds a stage',
      ': needs[0]: there is no stage "fetsh" to wait for; did you mean "fetch"?',
      ': needs[1]: expected the name of a stage, got 7',
      ': optional: expected an array of names, got "parse"',
      `: work: expected ${WORK}, got "work"`,
    ]);
    expect(issues[1]).toMatchObject({
      path: 'pipeline "digest", stage "fetch": kind',
      value: 'agnet',
      expected: 'one of transform, enrich, route, guard, work, agent',
    });
  });

  it.each<[string, unknown]>([
    ['a function', work],
    ['a reusable stage', stage({}, work)],
  ])('%s before the options is told that it comes last, and nothing else', (_, first) => {
    for (const second of [{}, { needs: ['fetch'] }, [], ['fetch'], undefined]) {
      expect(saidOf(() => loose.stage('mail', first, second))).toEqual([
        `${AT}: its work comes last: .stage(name, needs or options, work)`,
      ]);
    }
  });

  it('a tool for work is told how a stage calls one', () => {
    const [said = '', ...more] = saidOf(() => loose.stage('mail', tool('t', {}, work)));
    expect(more).toEqual([]);
    expect(said).toBe(`${AT}: work: is a tool; write a function that calls it: (deps, ctx) => ctx.call(tool, input)`);
  });

  it('nothing is there to wait for in an empty pipeline, and it says that', () => {
    expect(saidOf(() => begin('empty').stage('a', ['b'], work))).toEqual([
      'pipeline "empty", stage "a": needs[0]: there is no stage "b" to wait for; there is none at all',
    ]);
  });

  it.each<[string, unknown]>([
    ['a Map', new Map([['needs', ['fetch']]])],
    ['a Set', new Set(['fetch'])],
    ['a promise', Promise.resolve({})],
    ['a date', new Date(0)],
    ['a reusable stage', stage({ kind: 'agent' }, work)],
    ['a pipeline', digest],
    [
      'an instance of a class',
      new (class {
        readonly kind = 'agent';
      })(),
    ],
  ])('options that are %s say nothing that could be meant, and are refused', (_, options) => {
    expect(issuesOf(() => loose.stage('mail', options, work)).length).toBeGreaterThan(0);
    expect(issuesOf(() => begin('x', options)).length).toBeGreaterThan(0);
  });

  it('needs that are not there are all told, the first twenty with a hint at what was meant', () => {
    const needs = Array.from({ length: 30 }, (_, index) => `fetch${index}`);
    const said = saidOf(() => loose.stage('mail', needs, work));
    const messages = needs.map(
      (need, index) =>
        `${AT}: needs[${index}]: there is no stage "${need}" to wait for; ${
          index < 20 ? 'did you mean "fetch"?' : 'there are "fetch", "parse"'
        }`,
    );
    expect(said).toEqual(messages);
  });

  it('a hole in the needs is a need that is missing', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is what is tested
    expect(saidOf(() => loose.stage('mail', ['fetch', , 'parse'], work))).toEqual([
      `${AT}: needs[1]: expected the name of a stage, got undefined`,
    ]);
  });

  it.each<[string, () => unknown]>([
    [
      'an option',
      () => ({
        get kind() {
          throw new Error('trap');
        },
      }),
    ],
    [
      'the needs',
      () => ({
        get needs() {
          throw new Error('trap');
        },
      }),
    ],
    [
      'a Proxy',
      () =>
        new Proxy(
          {},
          {
            ownKeys() {
              throw new Error('trap');
            },
          },
        ),
    ],
    [
      'an array that is a Proxy',
      () =>
        new Proxy([], {
          get() {
            throw new Error('trap');
          },
        }),
    ],
  ])('a getter that throws in %s is a mistake like any other', (_, options) => {
    expect(issuesOf(() => loose.stage('mail', options(), work)).length).toBeGreaterThan(0);
  });

  it('an option is read once: what was checked is what holds', () => {
    let read = 0;
    const options = Object.defineProperty({}, 'kind', {
      enumerable: true,
      get: () => (read++ === 0 ? 'agent' : 'bogus'),
    });
    expect(loose.stage('mail', options, work).stages[2]?.kind).toBe('agent');
  });

  it('a name a million long is shortened in what is said of it', () => {
    const [said = ''] = saidOf(() => loose.stage('n'.repeat(1_000_000), ['nope'], work));
    expect(said).toContain('needs[0]: there is no stage "nope"');
    expect(said.length).toBeLessThan(1_000);
  });
});

describe('a mistake in what a pipeline is told of itself', () => {
  it.each<[string, readonly unknown[], string]>([
    ['no name', [], 'pipeline.name: expected a name, got undefined'],
    ['an empty name', [''], 'pipeline.name: expected a name, got ""'],
    ['a blank name', ['\t '], 'pipeline.name: expected a name, got "\\t "'],
    ['a name that is no text', [{}], 'pipeline.name: expected a name, got an object'],
    ['options that are null', ['x', null], 'pipeline "x": options: expected a plain object, got null'],
    ['options that are an array', ['x', ['a']], 'pipeline "x": options: expected a plain object, got an array of 1'],
    ['options that are a text', ['x', 'cancel'], 'pipeline "x": options: expected a plain object, got "cancel"'],
    ['options that are a function', ['x', work], 'pipeline "x": options: expected a plain object, got a function'],
    [
      'another onFailure',
      ['x', { onFailure: 'stop' }],
      `pipeline "x": onFailure: expected 'cancel' or 'continue', got "stop"`,
    ],
    [
      'an onFailure that is null',
      ['x', { onFailure: null }],
      `pipeline "x": onFailure: expected 'cancel' or 'continue', got null`,
    ],
    ['an option of a stage', ['x', { kind: 'agent' }], 'pipeline "x": kind: is no option of a pipeline'],
    ['an option of a run', ['x', { runId: 'r' }], 'pipeline "x": runId: is no option of a pipeline'],
    [
      'an endless deadline',
      ['x', { deadline: Number.POSITIVE_INFINITY }],
      `pipeline "x": deadline: expected a finite duration; write 'none' for no limit, got Infinity`,
    ],
  ])('%s', (_, args, message) => {
    expect(saidOf(() => begin(...args))).toEqual([message]);
  });

  it.each([['soon'], [-1], [Number.NaN], [null], [{}], ['5 s'], ['']])('the deadline %j', (deadline) => {
    const [issue, ...more] = issuesOf(() => begin('x', { deadline }));
    expect(more).toEqual([]);
    expect(issue).toMatchObject({ path: 'pipeline "x": deadline', value: deadline });
    expect(issue?.message).toContain("expected a duration: milliseconds ≥ 0, text such as '250ms', '30s'");
  });

  it('all of it comes in one error', () => {
    expect(
      saidOf(() => begin(' ', { onFailure: 1, deadline: 'soon', signal: 1 })).map((said) => said.slice(0, 40)),
    ).toEqual([
      'pipeline.name: expected a name, got " "',
      `pipeline " ": onFailure: expected 'cance`,
      'pipeline " ": signal: is no option of a ',
      'pipeline " ": deadline: expected a durat',
    ]);
  });

  it('nothing is wrong with undefined, which says nothing', () => {
    expect(begin('x', undefined).stages).toEqual([]);
    expect(pipeline('x', { onFailure: undefined, deadline: undefined }).onFailure).toBe('cancel');
  });

  it('data from outside that names __proto__ changes nothing but itself', () => {
    const options: unknown = JSON.parse('{"__proto__":{"onFailure":"continue","polluted":1}}');
    expect(pipeline('x', options as PipelineOptions).onFailure).toBe('cancel');
    loose.stage('mail', JSON.parse('{"__proto__":{"needs":["nope"],"polluted":1}}'), work);
    expect('polluted' in {}).toBe(false);
  });
});

describe('the deadline of a pipeline', () => {
  const hang = (_: unknown, { signal }: Context): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  it.each<[PipelineOptions['deadline'], PipelineOptions['deadline'], number | undefined]>([
    ['2s', undefined, 2_000],
    ['2s', 500, 500],
    [0, undefined, 0],
    ['2s', '1m', 60_000],
    ['none', '1s', 1_000],
  ])('%j, with %j said for the run, bounds it as a whole', async (own, said, ends) => {
    const clock = virtualClock();
    const made = pipeline('slow', { deadline: own }).stage('a', hang).stage('b', ['a'], hang);
    const run = createRunner({ clock }).run(made, undefined, { deadline: said });
    const report = await clock.until(run.report);
    expect([report.status, report.durationMs]).toEqual(['timeout', ends]);
  });
});

it('an empty pipeline runs, and puts nothing out', async () => {
  const report = await createRunner().run(pipeline('empty')).report;
  expect(report).toMatchObject({ pipeline: 'empty', status: 'ok', output: {}, stages: {} });
});

it('a name of core that is misspelt by one slip is a mistake, and no policy of a plugin', () => {
  const told = (build: () => unknown): string => {
    try {
      build();
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing';
  };
  const loose = pipeline('p').stage('a', () => 1) as unknown as { stage(...args: unknown[]): unknown };
  expect(told(() => loose.stage('b', { neds: ['a'] }, () => 1))).toContain(
    'neds: unknown option; did you mean "needs"?',
  );
  expect(told(() => loose.stage('b', { need: ['a'], colect: 'all' }, () => 1))).toContain('did you mean "collect"?');
  expect(told(() => pipeline('p', { deadlin: 5 } as object))).toContain('did you mean "deadline"?');
  expect(told(() => loose.stage('b', { needs: ['a'], timeout: '1s', idempotency: {} }, () => 1))).toBe('nothing');
});
