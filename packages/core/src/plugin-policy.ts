import type { Call, Kind, TargetKind } from './call.ts';
import { KINDS } from './kinds.ts';
import { readPlain } from './plain-object.ts';
import type { PolicyClaim, PolicyFields, PolicyLayer } from './policies.ts';
import { Problems } from './problems.ts';

/** What every plugin takes, beside what is its own. */
export interface PluginOptions {
  /** What it is called in explanations, errors and updates; the plugin's own name unless set. */
  readonly name?: string | undefined;
  /** Where it stands: the larger, the further in; the plugin's own place unless set. */
  readonly priority?: number | undefined;
  /** What it stands around; everything unless set. */
  readonly applies?: TargetKind | ((call: Call) => boolean) | undefined;
}

/** Options of a plugin by what they hold for, the stronger after the weaker. */
export interface PolicyLayers<P> {
  /** By kind. */
  readonly kinds?: { readonly [K in Kind]?: P | undefined } | undefined;
  /** By the name of a stage. */
  readonly stages?: Readonly<Record<string, P | undefined>> | undefined;
  /** By the name of a tool. */
  readonly tools?: Readonly<Record<string, P | undefined>> | undefined;
}

/** What a plugin says of the options that it takes. */
export interface PluginPolicyInit {
  /** The name under which users write them, per stage, tool, function and run. */
  readonly key: string;
  /** What was handed to the factory. */
  readonly given: unknown;
  /** What is allowed in place of what is neither a shorthand nor an options object; `'a plain object of options'` unless said. */
  readonly expected?: string;
  /** Whether an object stands in place of the options, as a number may; none does unless said. */
  shorthand?(value: object): boolean;
  /** The names of its options, as in an options object. */
  readonly options: readonly string[];
  /** What options are called in other libraries, and here: for who comes from there. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /**
   * Turns what was written at `path` into fields, noting all that is wrong: either a shorthand, or the fields of an options object,
   * of which none is unknown. Never sees `undefined` or `'none'`.
   */
  read(written: unknown, path: string, problems: Problems): PolicyFields;
  /** The name of the option that says where the plugin stands, if `priority` is one of its own. */
  readonly placedBy?: string;
  /** False for a plugin that takes its options as a whole, and none by kind or by name. */
  readonly layered?: boolean;
  /** Options that are the plugin's as a whole, and mean nothing per stage or tool. */
  readonly wholeOnly?: readonly string[];
  readonly defaults?: PolicyFields;
  implied?(fields: PolicyFields): PolicyFields;
  prepare?: PolicyClaim['prepare'];
}

type Layers = Readonly<Partial<Record<string, PolicyLayer>>>;

/** The options of a plugin as they hold at one time. */
interface Written {
  readonly options: PolicyLayer;
  readonly kinds: Layers;
  readonly stages: Layers;
  readonly tools: Layers;
}

const LAYERS = ['kinds', 'stages', 'tools'] as const;

/**
 * The options of a plugin: what its factory was given, checked, with the layers for kinds, stages and tools; the claim on what users
 * write elsewhere; and the way to change them while it runs. So that every plugin takes its options alike.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, PluginPolicy, readDuration, within, wrap } from '@sluice/core';
 *
 * function patience(options?: unknown) {
 *   const policy = new PluginPolicy({
 *     key: 'patience',
 *     given: options,
 *     options: ['limit'],
 *     defaults: { limit: 1_000 },
 *     read: (written, path, problems) =>
 *       typeof written === 'object'
 *         ? { limit: readDuration((written as { limit?: unknown }).limit ?? 'none', `${path}.limit`, problems) }
 *         : { limit: readDuration(written, path, problems) },
 *   });
 *   return defineInterceptor({
 *     name: policy.name,
 *     priority: policy.priority ?? Place.total,
 *     policy,
 *     update: (patch) => policy.update(patch),
 *     intercept: (call, next) => within(call, { limit: Number(call.policy('patience')?.['limit']), name: 'patience' }, next),
 *   });
 * }
 * console.assert((await wrap(async () => 42, patience('5s'))()) === 42);
 * ```
 */
export class PluginPolicy implements PolicyClaim {
  readonly key: string;
  /** What the plugin is called. */
  readonly name: string;
  /** Where its user wants it to stand; undefined for its own place. */
  readonly priority: number | undefined;
  readonly applies: PluginOptions['applies'];
  readonly defaults?: PolicyFields;
  readonly implied?: (fields: PolicyFields) => PolicyFields;
  readonly prepare?: NonNullable<PolicyClaim['prepare']>;
  readonly #init: PluginPolicyInit;
  readonly #common: readonly string[];
  #written: Written;

  /** Throws a {@link ConfigError} that lists all that is wrong. */
  constructor(init: PluginPolicyInit) {
    const { key, given } = init;
    this.key = key;
    this.#init = init;
    if (init.defaults !== undefined) this.defaults = init.defaults;
    if (init.implied !== undefined) this.implied = (fields) => init.implied?.(fields) ?? {};
    if (init.prepare !== undefined) this.prepare = init.prepare;
    const problems = new Problems();
    const { placedBy = 'priority' } = init;
    this.#common = ['name', placedBy, 'applies'];
    const layers = init.layered === false ? [] : LAYERS;
    const whole = this.#fieldsOf(given, key, [...this.#common, ...layers], problems);
    const { name, [placedBy]: priority, applies } = whole ?? {};
    this.name = readName(name, key, problems);
    this.priority = readPriority(priority, `${key}.${placedBy}`, problems);
    this.applies = readApplies(applies, `${key}.applies`, problems);
    this.#written = this.#read(given, whole, key, problems);
    problems.throwIfAny();
  }

  get options(): PolicyLayer {
    return this.#written.options;
  }

  get kinds(): Layers {
    return this.#written.kinds;
  }

  get stages(): Layers {
    return this.#written.stages;
  }

  get tools(): Layers {
    return this.#written.tools;
  }

  /** Turns what a user wrote at `path` into fields. Throws a {@link ConfigError} that lists all that is wrong. */
  parse(value: unknown, path: string): PolicyFields {
    const problems = new Problems();
    const fields = this.#layer(value, path, this.#init.wholeOnly ?? [], problems);
    problems.throwIfAny();
    return fields === 'none' || fields === undefined ? {} : fields;
  }

  /** Takes new options, for the calls that come after. Answers how to undo it. Throws, and changes nothing, when they are wrong. */
  update(patch: unknown): () => void {
    const problems = new Problems();
    const layers = this.#init.layered === false ? [] : LAYERS;
    const whole = this.#fieldsOf(patch, this.key, [...this.#common, ...layers], problems);
    for (const key of this.#common) {
      if (whole?.[key] !== undefined) problems.say(`${this.key}.${key}`, 'cannot be changed while it runs');
    }
    for (const key of this.#init.wholeOnly ?? []) {
      if (whole?.[key] !== undefined) problems.say(`${this.key}.${key}`, 'cannot be changed while it runs');
    }
    const read = this.#read(patch, whole, this.key, problems);
    problems.throwIfAny();
    const before = this.#written;
    this.#written = {
      options: merged(before.options, read.options),
      kinds: mergedLayers(before.kinds, read.kinds),
      stages: mergedLayers(before.stages, read.stages),
      tools: mergedLayers(before.tools, read.tools),
    };
    return () => {
      this.#written = before;
    };
  }

  #read(given: unknown, whole: PolicyFields | undefined, path: string, problems: Problems): Written {
    if (whole === undefined && this.#isObject(given)) return { options: undefined, kinds: {}, stages: {}, tools: {} };
    if (whole === undefined) {
      return { options: this.#layer(given, path, [], problems), kinds: {}, stages: {}, tools: {} };
    }
    const own = Object.fromEntries(Object.entries(whole).filter(([key]) => this.#init.options.includes(key)));
    return {
      options: this.#init.read(own, path, problems),
      kinds: this.#layers(whole['kinds'], `${path}.kinds`, problems, KINDS),
      stages: this.#layers(whole['stages'], `${path}.stages`, problems),
      tools: this.#layers(whole['tools'], `${path}.tools`, problems),
    };
  }

  #layers(given: unknown, path: string, problems: Problems, known?: readonly string[]): Layers {
    if (given === undefined) return {};
    const by = readPlain(given, path, problems) ?? {};
    if (known !== undefined) problems.unknownKeys(by, known, path);
    const { wholeOnly = [] } = this.#init;
    return Object.fromEntries(
      Object.entries(by).map(([name, value]) => [name, this.#layer(value, `${path}.${name}`, wholeOnly, problems)]),
    );
  }

  /** What was written in one place. */
  #layer(value: unknown, path: string, refused: readonly string[], problems: Problems): PolicyLayer {
    if (value === undefined || value === 'none') return value;
    const fields = this.#fieldsOf(value, path, [], problems);
    if (fields === undefined) return this.#isObject(value) ? {} : this.#init.read(value, path, problems);
    for (const key of refused) {
      if (fields[key] !== undefined) problems.say(`${path}.${key}`, `can be said of ${this.key} as a whole only`);
    }
    return this.#init.read(fields, path, problems);
  }

  /** The fields of an options object, none of them unknown; undefined for what is none. */
  #fieldsOf(value: unknown, path: string, more: readonly string[], problems: Problems): PolicyFields | undefined {
    if (!this.#isObject(value)) return undefined;
    const fields = readPlain(value, path, problems, this.#init.expected ?? 'a plain object of options');
    if (fields !== undefined)
      problems.unknownKeys(fields, [...this.#init.options, ...more], path, this.#init.elsewhere);
    return fields;
  }

  /** Everything but a shorthand: `null` and arrays are options objects gone wrong. */
  #isObject(value: unknown): boolean {
    if (typeof value !== 'object') return false;
    return value === null || this.#init.shorthand?.(value) !== true;
  }
}

function readName(name: unknown, key: string, problems: Problems): string {
  if (name === undefined) return key;
  if (typeof name === 'string' && name.trim() !== '') return name;
  problems.add(`${key}.name`, 'a name', name);
  return key;
}

function readPriority(priority: unknown, path: string, problems: Problems): number | undefined {
  if (priority === undefined || (typeof priority === 'number' && Number.isFinite(priority))) return priority;
  problems.add(path, 'a finite number, such as Place.retry', priority);
  return undefined;
}

function readApplies(applies: unknown, path: string, problems: Problems): PluginOptions['applies'] {
  const word = applies === 'stage' || applies === 'tool' || applies === 'function';
  if (applies === undefined || word || typeof applies === 'function') return applies as PluginOptions['applies'];
  problems.add(path, "'stage', 'tool', 'function' or a function (call) => boolean", applies);
  return undefined;
}

function merged(before: PolicyLayer, patch: PolicyLayer): PolicyLayer {
  if (patch === undefined) return before;
  if (patch === 'none' || before === 'none' || before === undefined) return patch;
  const said = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(said) };
}

function mergedLayers(before: Layers, patch: Layers): Layers {
  const names = new Set([...Object.keys(before), ...Object.keys(patch)]);
  return Object.fromEntries([...names].map((name) => [name, merged(before[name], patch[name])]));
}
