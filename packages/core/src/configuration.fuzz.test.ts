import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineStack } from './define-stack.ts';
import { readDuration } from './duration.ts';
import { ConfigError } from './errors/config-error.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { defineInterceptor, type Plugin } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { pipelineFrom } from './pipeline-from.ts';
import { Place } from './place.ts';
import { Problems } from './problems.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { stage } from './stage.ts';
import { seededRandom } from './testing/seeded-random.ts';
import { tool } from './tool.ts';

// 100,000 configurations in all, in equal parts over the entry points. SLUICE_FUZZ=1000000 makes more of them, SLUICE_SEED others.

const TOTAL = Number(process.env['SLUICE_FUZZ'] ?? 100_000);
const SEED = Number(process.env['SLUICE_SEED'] ?? 7);

const work = (): number => 1;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const refuse = (): never => {
  throw new Error('trap');
};

beforeAll(() => void vi.spyOn(process, 'emitWarning').mockReturnValue());
afterAll(() => vi.restoreAllMocks());

type Make = (dice: Dice) => unknown;

class Dice {
  readonly #random: () => number;
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
  chance(share: number): boolean {
    return this.#random() < share;
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const PROXY_TRAPS = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, refuse]));
const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};
const nested = (levels: number): unknown =>
  levels === 0 ? null : levels % 2 ? [nested(levels - 1)] : { a: nested(levels - 1) };
const circle = (): object => {
  const made: Record<string, unknown> = {};
  made['self'] = made;
  return made;
};

/** Values that are right nowhere where a number, a text, a word, a boolean or a plain object of known keys is wanted. */
const STRANGE: readonly Make[] = [
  () => null,
  () => Number.NaN,
  () => Number.NEGATIVE_INFINITY,
  () => -1,
  () => -0.5,
  () => 5n,
  () => Symbol('s'),
  () => [],
  () => [[]],
  () => [null],
  () => new Date(0),
  () => new Map(),
  () => new Set([1]),
  () => /x/,
  () => Promise.resolve(),
  () => new Error('x'),
  () => new (class Own {})(),
  () => Object(5),
  () => new Proxy({}, PROXY_TRAPS),
  () => new Proxy([], PROXY_TRAPS),
  () => revoked({}),
  () => revoked([]),
  () => new Array(4e9),
  () => circle(),
  () => nested(40),
  () => Object.defineProperty({}, 'a', { get: refuse, enumerable: true }),
  () => JSON.parse('{ "__proto__": { "polluted": 1 } }'),
  () => JSON.parse('{ "constructor": { "prototype": { "polluted": 1 } } }'),
  () => ({ toString: refuse, valueOf: refuse, [Symbol.toPrimitive]: refuse, toJSON: refuse }),
];
const strange: Make = (dice) => dice.of(STRANGE)(dice);
const text: Make = (dice) => dice.of(['', ' ', 'soon', '-5s', '5 s', 'x'.repeat(20_000), '1e9', 'NaN', '__proto__']);

/** Anything whatever, also what may be right. */
const anything: Make = (dice) =>
  dice.of<Make>([
    strange,
    strange,
    text,
    (d) => d.below(10),
    () => true,
    () => undefined,
    () => work,
    () => ({}),
    () => 'none',
  ])(dice);

/** What a field may be: what is right, and what is certainly wrong. */
interface Field {
  readonly good: Make;
  readonly bad: Make;
}
const either =
  (...makes: readonly Make[]): Make =>
  (dice) =>
    dice.of(makes)(dice);
const words = (...good: readonly unknown[]): Field => ({
  good: (dice) => dice.of(good),
  bad: either(
    strange,
    () => `${String(good[0])}x`,
    () => 7,
    () => ({}),
  ),
});
const duration: Field = {
  good: (dice) => dice.of<unknown>([0, -0, 1, 1.5, 2 ** 40, '1s', '250ms', '1.5h', 'none', undefined]),
  bad: either(
    strange,
    text,
    () => Number.POSITIVE_INFINITY,
    () => true,
    () => ({}),
    () => work,
  ),
};
const integer = (least: number): Field => ({
  good: (dice) => least + dice.below(5),
  bad: either(
    strange,
    text,
    () => 1.5,
    () => least - 1,
    () => true,
    () => ({}),
  ),
});
const label: Field = {
  good: (dice) => dice.of(['a', 'b c', 'toString', 'x'.repeat(99)]),
  bad: either(
    strange,
    () => '',
    () => 7,
    () => true,
    () => ({}),
  ),
};
const flag: Field = {
  good: (dice) => dice.of<unknown>([true, false, undefined]),
  bad: either(
    strange,
    text,
    () => 1,
    () => 0,
    () => ({}),
  ),
};
const codes: Field = {
  good: (dice) => dice.of<unknown>([undefined, [], ['a-code'], ['a', 'b']]),
  bad: (dice) => dice.of<unknown>(['x', 5, true, null, {}, [5], ['a', null], [['a']], new Map(), revoked([])]),
};
const kind = words('transform', 'enrich', 'route', 'guard', 'work', 'agent', undefined);

/** One entry point: what its options are, and how it is asked. */
interface Entry {
  readonly fields: Readonly<Record<string, Field>>;
  /** False where other keys are the business of plugins. */
  readonly closed: boolean;
  use(options: never): unknown;
  /** What is right here although it is no object of options. */
  readonly short?: readonly string[];
  /** What must be there in any case. */
  readonly base?: object;
  /** Keys that belong to core but not here. */
  readonly foreign?: readonly string[];
}

const retry = (options?: unknown): Plugin => {
  const problems = new Problems();
  const fields = (
    typeof options === 'object' && options !== null && !Array.isArray(options) ? options : { attempts: options }
  ) as Record<string, unknown>;
  problems.unknownKeys(fields, ['attempts', 'base'], 'retry');
  const { attempts = 3, base = 0 } = fields;
  if (!(Number.isInteger(attempts) && (attempts as number) >= 1))
    problems.add('retry.attempts', 'an integer ≥ 1', attempts);
  readDuration(base, 'retry.base', problems);
  problems.throwIfAny();
  return defineInterceptor({ name: 'retry', priority: Place.retry, intercept: (call, next) => next(call) });
};

const flow = pipeline('flow').stage('fetch', work).stage('parse', ['fetch'], work);
const one = tool('one', {}, work);
const runner = createRunner({ logger: silent, runs: { max: 1 } });
const shared = stack([]);
const call: Readonly<Record<string, Field>> = {
  deadline: { ...duration, good: (dice) => dice.of<unknown>(['1s', '250ms', 'none', undefined, 5_000]) },
  signal: {
    good: () => undefined,
    bad: either(
      strange,
      text,
      () => ({}),
      () => new AbortController(),
      () => true,
    ),
  },
  runId: label,
  correlationId: label,
};
const ENTRIES: Readonly<Record<string, Entry>> = {
  'the options of a plugin in defineStack': {
    fields: { attempts: integer(1), base: duration },
    closed: true,
    short: ['a number', 'true', 'a list'],
    use: (options) => defineStack({ retry }, { interceptors: { retry: options } }),
  },
  'the data of defineStack': {
    fields: {
      interceptors: {
        good: (dice) =>
          dice.of<unknown>([{}, { retry: true }, { retry: 'none' }, { retry: [1, false] }, { retry: { attempts: 2 } }]),
        bad: either(
          strange,
          text,
          () => ({ retyr: true }),
          () => ({ retry: 0 }),
          (dice) => ({ retry: strangeList(dice) }),
          () => work,
        ),
      },
      acknowledge: codes,
    },
    closed: true,
    base: { interceptors: {} },
    use: (options) => defineStack({ retry }, options),
  },
  stack: {
    fields: { acknowledge: codes, clock: { good: () => undefined, bad: either(strange, text, () => ({ now: work })) } },
    closed: true,
    use: (options) => stack([], options),
  },
  'the plugins of a stack': {
    fields: {
      name: label,
      priority: { good: (dice) => dice.below(100), bad: either(strange0, text, () => ({})) },
      intercept: { good: () => work, bad: either(strange0, text, () => ({})) },
      applies: { ...words('stage', 'tool', 'function', undefined) },
      traits: { good: () => ({}), bad: (dice) => dice.of<unknown>([null, 5, 'x', true, 5n]) },
      stats: { good: () => work, bad: either(strange0, text, () => ({})) },
      update: { good: () => work, bad: either(strange0, text, () => ({})) },
      policy: {
        good: () => ({ key: 'own', parse: () => ({}) }),
        bad: either(
          strange,
          text,
          () => ({}),
          () => ({ key: 'kind', parse: work }),
          () => ({ key: 'x', parse: 5 }),
        ),
      },
    },
    closed: false,
    base: { name: 'x', priority: 1, intercept: work },
    short: ['a list'],
    use: (options) => stack([options]),
  },
  createRunner: {
    fields: {
      logger: {
        good: () => silent,
        bad: either(
          strange,
          text,
          () => ({ debug: work }),
          () => work,
        ),
      },
      clock: {
        good: () => undefined,
        bad: either(
          strange,
          text,
          () => ({ now: work }),
          () => work,
        ),
      },
      timeouts: words('on', 'off', undefined),
      grace: duration,
      maxDepth: { ...integer(0), good: (dice) => dice.of([0, 5, Number.POSITIVE_INFINITY]) },
      name: label,
      acknowledge: codes,
      handleSignals: { ...flag, good: () => false },
      runs: {
        good: (dice) => ({ max: dice.below(3), maxAge: duration.good(dice) }),
        bad: either(
          strange,
          text,
          (dice) => ({ maxAge: duration.bad(dice) }),
          () => ({ mx: 1 }),
          () => ({ max: -1 }),
        ),
      },
      redact: {
        good: () => ({ keys: ['a', /b/], values: [/c/] }),
        bad: either(
          strange,
          text,
          () => ({ kyes: [] }),
          () => ({ keys: 'a' }),
          () => ({ values: ['a'] }),
          () => ({ keys: [''] }),
        ),
      },
      use: {
        good: () => [],
        bad: either(
          strangeList,
          text,
          () => ({}),
          () => [null],
          () => [5],
          () => work,
        ),
      },
    },
    closed: true,
    use: (options) => createRunner(options),
  },
  pipeline: {
    fields: { deadline: duration, onFailure: words('cancel', 'continue', undefined) },
    closed: false,
    foreign: ['needs', 'kind', 'signal', 'input', 'stages'],
    use: (options) => pipeline('flow', options),
  },
  pipelineFrom: {
    fields: {
      deadline: duration,
      onFailure: words('cancel', 'continue', undefined),
      stages: {
        good: (dice) =>
          dice.of<unknown>([
            [],
            [{ name: 'a', use: 'work' }],
            [
              { name: 'b', use: 'work', needs: ['a'] },
              { name: 'a', use: 'work' },
            ],
          ]),
        bad: either(
          strangeList,
          text,
          () => ({}),
          (dice) => [{ name: 'a', use: strange(dice) }],
          (dice) => [{ name: label.bad(dice), use: 'work' }],
          (dice) => [{ name: 'a', use: 'work', needs: strangeList(dice) }],
          (dice) => [{ name: 'a', use: 'work', needs: [strange(dice)] }],
          (dice) => [{ name: 'a', use: 'work', kind: kind.bad(dice) }],
          (dice) => [{ name: 'a', use: 'work', idempotent: flag.bad(dice) }],
          () => [{ name: 'a', use: 'wrok' }],
          () => [{ name: 'a', use: 'toString' }],
          () => [{ name: '__proto__', use: 'work' }],
          () => [{ name: 'a', use: 'work', needs: ['a'] }],
        ),
      },
    },
    closed: false,
    foreign: ['needs', 'kind', 'signal', 'input'],
    base: { name: 'flow', stages: [] },
    use: (options) => pipelineFrom(options, { stages: { work } }),
  },
  tool: {
    fields: {
      kind,
      idempotent: flag,
      description: {
        good: () => 'd',
        bad: either(
          strange,
          () => 7,
          () => ({}),
        ),
      },
      collect: words('all', 'last', undefined),
      input: {
        good: () => undefined,
        bad: either(
          strange,
          text,
          () => ({}),
          () => work,
        ),
      },
      output: {
        good: () => undefined,
        bad: either(
          strange,
          text,
          () => ({}),
          () => work,
        ),
      },
    },
    closed: false,
    foreign: ['needs', 'deadline', 'signal', 'when'],
    use: (options) => tool('a', options, work),
  },
  stage: {
    fields: { kind, idempotent: flag, collect: words('all', 'last', undefined) },
    closed: false,
    foreign: ['needs', 'deadline', 'signal', 'when'],
    use: (options) => stage(options, work),
  },
  'runner.wrap': {
    fields: { kind, idempotent: flag, name: label },
    closed: false,
    foreign: ['needs', 'deadline', 'signal', 'when'],
    use: (options) => runner.wrap(work, options),
  },
  'runner.run': {
    fields: {
      ...call,
      priority: {
        good: (dice) => dice.of([0, -1.5, undefined]),
        bad: either(
          strange0,
          text,
          () => Number.POSITIVE_INFINITY,
          () => ({}),
        ),
      },
      data: {
        good: () => ({ a: 1 }),
        bad: (dice) => dice.of<unknown>([null, 5, 'x', [], new Date(0), revoked({}), new Map([[5, 5]])]),
      },
      stages: {
        good: () => ({ fetch: { own: 1 } }),
        bad: either(
          strange,
          text,
          () => ({ fecth: {} }),
          () => ({ fetch: 5 }),
          () => ({ fetch: { deadline: 5 } }),
          () => ({ toString: {} }),
        ),
      },
      tools: {
        good: () => ({ any: { own: 1 } }),
        bad: either(
          strangeMap,
          text,
          () => ({ any: 5 }),
          () => ({ any: { signal: 5 } }),
        ),
      },
      replace: {
        good: () => ({ fetch: work }),
        bad: either(
          strange,
          text,
          () => ({ fecth: work }),
          (dice) => ({ fetch: strange(dice) }),
        ),
      },
      completed: {
        good: () => ({ fetch: 1 }),
        bad: either(
          strange,
          text,
          () => ({ fecth: 1 }),
          () => ({ fetch: Promise.resolve() }),
        ),
      },
    },
    closed: false,
    foreign: ['needs', 'kind', 'grace', 'use'],
    use: (options) => runner.run(flow, undefined, options),
  },
  'runner.call': {
    fields: { ...call, idempotencyKey: label },
    closed: false,
    foreign: ['needs', 'kind', 'grace', 'stages', 'data'],
    use: (options) => runner.call(one, undefined, options),
  },
  'stack.execute': {
    fields: { ...call, idempotencyKey: label, name: label, kind },
    closed: false,
    foreign: ['needs', 'grace', 'stages', 'data'],
    use: (options) => shared.execute(work, options),
  },
  'ctx.callAll': {
    fields: {
      ...call,
      limit: { good: (dice) => dice.of([1, 5, Number.POSITIVE_INFINITY]), bad: integer(1).bad },
      ordered: { ...flag, good: () => true },
      settle: words('all', 'fail-fast', undefined),
    },
    closed: false,
    foreign: ['needs', 'kind', 'grace', 'stages'],
    use: (options) => runner.call(tool('t', {}, (_: unknown, ctx) => ctx.callAll([[one]], options))),
  },
};

/** Strange, but no number, for what any number is right. */
function strange0(dice: Dice): unknown {
  const made = strange(dice);
  return Number.isFinite(made) ? null : made;
}

/** Strange, but no list that is empty, or too long to be walked. */
function strangeList(dice: Dice): unknown {
  return dice.of<unknown>([
    null,
    Number.NaN,
    5n,
    new Date(0),
    new Map(),
    new Proxy([], PROXY_TRAPS),
    revoked([]),
    circle(),
  ]);
}

/** Strange, but no plain object, for which any names are right. */
function strangeMap(dice: Dice): unknown {
  return dice.of(NO_OPTIONS)[1](dice);
}

/** What is never an object of options, whatever they are. */
const NO_OPTIONS: readonly (readonly [string, Make])[] = [
  ['null', () => null],
  ['NaN', () => Number.NaN],
  ['a number', () => 5],
  ['a text', () => 'soon'],
  ['true', () => true],
  ['a bigint', () => 5n],
  ['a symbol', () => Symbol('s')],
  ['a list', () => []],
  ['a Date', () => new Date(0)],
  ['a Map', () => new Map()],
  ['a promise', () => Promise.resolve()],
  ['an instance of a class', () => new (class Own {})()],
  ['a Proxy with throwing traps', () => new Proxy({}, PROXY_TRAPS)],
  ['a revoked Proxy', () => revoked({})],
];

type Fate = 'right' | 'wrong' | 'open';

/** A configuration, what was done to it, and whether it is right. */
interface Made {
  readonly options: unknown;
  readonly what: string;
  readonly fate: Fate;
}

function make(entry: Entry, dice: Dice): Made {
  const { fields, base = {}, closed, foreign = [], short = [] } = entry;
  const names = Object.keys(fields);
  const options: Record<string, unknown> = dice.chance(0.2) ? Object.create(null) : {};
  Object.assign(options, base);
  const field = (name: string): Field => fields[name] as Field;
  const set = (key: string, value: unknown): void => {
    Object.defineProperty(options, key, { value, enumerable: true, configurable: true, writable: true });
  };
  const done = (what: string, fate: Fate): Made => ({ options, what, fate });
  if (dice.chance(0.1)) {
    const [what, value] = dice.of(NO_OPTIONS.filter(([one]) => !short.includes(one)));
    return { options: value(dice), what: `options that are ${what}`, fate: 'wrong' };
  }
  for (const name of names) if (dice.chance(0.3)) set(name, field(name).good(dice));
  const name = dice.of(names);
  switch (dice.below(6)) {
    case 0:
      return done('all right', 'right');
    case 1:
    case 2:
      set(name, field(name).bad(dice));
      return done(name, 'wrong');
    case 3:
      if (closed) {
        set(dice.chance(0.5) ? `${name}s` : name.slice(0, -2), 1);
        return done('a key that is misspelt', 'wrong');
      }
      if (foreign.length === 0) return done('all right', 'right');
      set(dice.of(foreign), dice.of(['x', 5]));
      return done('a key of core that is of no use here', 'wrong');
    case 4:
      Object.defineProperty(options, name, { get: refuse, enumerable: true, configurable: true });
      return done(`${name}, which throws when it is read,`, 'wrong');
    default:
      for (const one of names) if (dice.chance(0.5)) set(one, harmless(one, anything(dice)));
      set(
        dice.of(['__proto__', 'constructor', 'prototype', 'toString', 'then', '', '0', 'own', 'k'.repeat(1_000)]),
        anything(dice),
      );
      return done('anything', 'open');
  }
}

/** What would change the process, or go on for minutes, is left out. */
function harmless(name: string, value: unknown): unknown {
  if (name === 'handleSignals' && value === true) return false;
  return isHuge(value) ? null : value;
}

function isHuge(value: unknown): boolean {
  try {
    return Array.isArray(value) && value.length > 1_000_000;
  } catch {
    return false;
  }
}

/** What became of it, if that is not what should have. */
async function fault(entry: Entry, { options, what, fate }: Made): Promise<string | undefined> {
  try {
    await entry.use(options as never);
  } catch (error) {
    if (error instanceof ConfigError)
      return fate === 'right' ? `${what}: was refused: ${error.message.slice(0, 200)}` : undefined;
    // It was taken, and it says that there is no time.
    if (fate === 'open' && isSluiceError(error, 'TIMEOUT')) return undefined;
    return `${what}: ended with what is no ConfigError: ${String((error as Error)?.message).slice(0, 100)}`;
  }
  return fate === 'wrong' ? `${what}: was accepted` : undefined;
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, Promise.prototype, Map.prototype];
const shape = (): string[] =>
  PROTOTYPES.map((prototype) =>
    Reflect.ownKeys(prototype)
      .map((key) => `${String(key)}:${typeof Object.getOwnPropertyDescriptor(prototype, key)?.value}`)
      .join(),
  );

describe('a hostile configuration is refused with a ConfigError, and a good one is taken', () => {
  const entries = Object.entries(ENTRIES);
  const each = Math.ceil(TOTAL / entries.length);

  it.each(entries.map(([name]) => name))(
    'by %s',
    async (name) => {
      const entry = ENTRIES[name] as Entry;
      const before = shape();
      const faults = new Map<string, number>();
      const dice = new Dice(SEED);
      for (let round = 0; round < each; round++) {
        const said = await fault(entry, make(entry, dice));
        if (said !== undefined) faults.set(said, (faults.get(said) ?? 0) + 1);
      }
      expect(Object.fromEntries(faults)).toEqual({});
      expect(shape()).toEqual(before);
    },
    120_000,
  );
});
