import { describe, expect, it } from 'vitest';
import { ConfigError } from './errors/config-error.ts';
import { pipeline, pipelineFacts } from './pipeline.ts';
import { createRunner } from './runner.ts';
import { type StageTraits, stage, stageFacts, workOf } from './stage.ts';
import { tool } from './tool.ts';

const work = (): number => 1;
const make = stage as unknown as (...args: readonly unknown[]) => unknown;

describe('a reusable stage', () => {
  it('shows what it was made with, and is immutable', () => {
    const made = stage({ kind: 'agent', idempotent: false, collect: 'last' }, work);
    expect(made).toEqual({ kind: 'agent', idempotent: false, collect: 'last' });
    expect(Object.isFrozen(made)).toBe(true);
    expect(stage({}, work)).toEqual({ kind: undefined, idempotent: true, collect: 'all' });
    expect(JSON.parse(JSON.stringify(made))).toEqual({ kind: 'agent', idempotent: false, collect: 'last' });
  });

  it('takes undefined for what was not said', () => {
    const made = stage({ kind: undefined, idempotent: undefined, collect: undefined }, work);
    expect(made).toEqual({ kind: undefined, idempotent: true, collect: 'all' });
  });

  it('keeps nothing of its options that is changed later', () => {
    const options: { kind: 'agent' | 'work'; timeout?: string } = { kind: 'agent', timeout: '1s' };
    const made = stage(options as StageTraits, work);
    options.kind = 'work';
    options.timeout = '2s';
    expect(pipelineFacts(pipeline('x').stage('a', made)).nodes[0]).toMatchObject({
      info: { kind: 'agent' },
      policies: [{ from: 'stage', path: 'stage "a": ', values: { timeout: '1s' } }],
    });
  });

  it('keeps the policies that it was given, and only those', () => {
    const options = { kind: 'agent', idempotent: true, collect: 'all', timeout: '1s', retry: undefined };
    expect(stageFacts(make(options, work))?.policies).toEqual({ timeout: '1s' });
    expect(stageFacts(make({ kind: 'agent' }, work))?.policies).toBeUndefined();
  });

  it('does its work wherever it stands', async () => {
    const greet = stage({ kind: 'transform' }, ({ input }: { input: string }, { name, kind }) => [input, name, kind]);
    const made = pipeline<string>('two').stage('a', greet).stage('b', { kind: 'work' }, greet);
    expect(await createRunner().run(made, 'in')).toEqual({ a: ['in', 'a', 'transform'], b: ['in', 'b', 'work'] });
  });

  it('is told from everything that is none', () => {
    const made = stage({}, work);
    expect(workOf(made)).toBe(work);
    expect(workOf(work)).toBe(work);
    for (const fake of [{ ...made }, Object.create(made), null, undefined, 'a', 5, tool('t', {}, work)]) {
      expect(stageFacts(fake)).toBeUndefined();
      expect(() => workOf(fake)).toThrow(ConfigError);
      expect(() => workOf(fake)).toThrow('expected a function or a stage, got ');
    }
  });

  it('that cannot be is refused, with all that is wrong at once', () => {
    const options = {
      kind: 'agnet',
      collect: 'first',
      idempotent: 'no',
      needs: ['a'],
      optional: [],
      when: work,
      name: 'a',
      deadline: '5s',
    };
    expect(() => make(options, 'work')).toThrow(
      [
        'stage: kind: expected one of transform, enrich, route, guard, work, agent, got "agnet"',
        `stage: collect: expected 'all' or 'last', got "first"`,
        'stage: idempotent: expected true or false, got "no"',
        'stage: needs: is no option of a stage',
        'stage: optional: is no option of a stage',
        'stage: when: is no option of a stage',
        'stage: name: is no option of a stage',
        'stage: deadline: is no option of a stage; it bounds a run, and "timeout" bounds a stage',
        'stage: work: expected a function (deps, context) => result, got "work"',
      ].join('\n'),
    );
  });

  it.each<[string, readonly unknown[], string]>([
    ['null', [null, work], 'stage: options: expected a plain object, got null'],
    ['undefined', [undefined, work], 'stage: options: expected a plain object, got undefined'],
    ['an array', [['a'], work], 'stage: options: expected a plain object, got an array of 1'],
    ['a function and nothing more', [work], 'stage: options: expected a plain object, got a function'],
    ['no work', [{}], 'stage: work: expected a function (deps, context) => result, got undefined'],
    [
      'a stage for work',
      [{}, stage({}, work)],
      'stage: work: expected a function (deps, context) => result, got an object',
    ],
    [
      'a promise for work',
      [{}, Promise.resolve()],
      'stage: work: expected a function (deps, context) => result, got a Promise',
    ],
  ])('made with %s is refused', (_, args, message) => {
    expect(() => make(...args)).toThrow(ConfigError);
    expect(() => make(...args)).toThrow(message);
  });

  it.each<[string, unknown]>([
    ['a Map', new Map([['kind', 'agent']])],
    ['a Set', new Set()],
    ['a date', new Date(0)],
    ['a promise', Promise.resolve({})],
    [
      'an instance of a class',
      new (class {
        readonly kind = 'agent';
      })(),
    ],
  ])('made with %s for options is refused: that would say nothing', (_, options) => {
    expect(() => make(options, work)).toThrow(/^stage: options: expected a plain object, got /);
  });

  it('is told of an option that throws when it is read, by its name', () => {
    const options = {
      get kind() {
        throw new Error('trap');
      },
    };
    expect(() => make(options, work)).toThrow(ConfigError);
    expect(() => make(options, work)).toThrow(/kind: could not be read: trap$/);
  });

  it('reads each option once: what was checked is what holds', async () => {
    let read = 0;
    const options = Object.defineProperty({}, 'kind', {
      enumerable: true,
      get: () => (read++ === 0 ? 'agent' : 'bogus'),
    });
    const made = make(options, work);
    expect(made).toMatchObject({ kind: 'agent' });
    expect(pipeline('x').stage('a', made as never).stages[0]?.kind).toBe('agent');
    expect(read).toBe(1);
  });

  it('made from data that names __proto__ is no other for it', () => {
    const made = make(JSON.parse('{"__proto__":{"kind":"agent","polluted":1}}'), work);
    expect(made).toEqual({ kind: undefined, idempotent: true, collect: 'all' });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
