import type { Kind, TargetKind } from './call.ts';
import { describe } from './describe.ts';
import { Problems } from './problems.ts';

/**
 * The options that plugins take per stage, tool, function and run. Empty in core: each plugin adds its key.
 *
 * @example
 * ```ts
 * declare module '@sluice/core' {
 *   interface Policies {
 *     patience?: 'low' | 'high' | 'none' | undefined;
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: plugins add to it by declaration merging
export interface Policies {}

/**
 * The options of plugins that decide what a stage puts out, with the place where `H` is to be read from what the user writes.
 *
 * @see {@link PolicyOutput} for what is made of it
 *
 * @example
 * ```ts
 * declare module '@sluice/core' {
 *   interface Policies {
 *     boxed?: boolean | undefined;
 *   }
 *   interface PolicyHints<H> {
 *     boxed?: H | undefined;
 *   }
 *   interface PolicyOutput<T, H> {
 *     boxed: true extends H ? { readonly box: T } : T;
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: plugins add to it by declaration merging
// biome-ignore lint/correctness/noUnusedVariables: the plugins use it
export interface PolicyHints<H> {}

/**
 * What becomes of a stage's output `T` under the hints `H` of its policies, by plugin. `H` is `never` where nothing was said.
 *
 * @see {@link PolicyHints} for an example
 */
// biome-ignore lint/suspicious/noEmptyInterface: plugins add to it by declaration merging
// biome-ignore lint/correctness/noUnusedVariables: the plugins use them
export interface PolicyOutput<T, H> {}

/** The options of a plugin, parsed, by name. */
export type PolicyFields = Readonly<Record<string, unknown>>;

/** What a layer of options says: nothing, "switched off", or some fields. */
export type PolicyLayer = PolicyFields | 'none' | undefined;

/**
 * What an interceptor claims of the options that users write per call. `parse` turns what they wrote, shorthand included, into
 * fields, and throws a {@link ConfigError} for what it cannot; the layers inside the claim are parsed already.
 *
 * Each later layer replaces the earlier ones field by field: `defaults`, `options`, `kinds`, `stages` and `tools`, then what the
 * target itself says, then what the run says. `undefined` inherits; `'none'` switches the plugin off.
 */
export interface PolicyClaim {
  /** The name under which users write them. */
  readonly key: string;
  /** Turns what a user wrote at `path` into fields. Never sees `undefined` or `'none'`. */
  parse(value: unknown, path: string): PolicyFields;
  /** What holds where nobody says anything. */
  readonly defaults?: PolicyFields;
  /** What else holds by default, given what was said: fields that are said already stay as they are. */
  implied?(fields: PolicyFields): PolicyFields;
  /**
   * Makes, once for each target, what the interceptor wants to be answered by `call.policy`, so that it need not look at each field in
   * each call; the fields themselves unless given. `from` says where each field came from.
   */
  prepare?(
    fields: PolicyFields,
    subject: Pick<PolicySubject, 'target' | 'name' | 'kind'>,
    from: Readonly<Record<string, PolicySource>>,
  ): PolicyFields;
  /** What the plugin was made with. */
  readonly options?: PolicyLayer;
  /** By kind. */
  readonly kinds?: Readonly<Partial<Record<Kind, PolicyLayer>>>;
  /** By the name of a stage. */
  readonly stages?: Readonly<Record<string, PolicyLayer>>;
  /** By the name of a tool. */
  readonly tools?: Readonly<Record<string, PolicyLayer>>;
}

/** Where the value of an option came from. */
export type PolicySource = 'default' | 'plugin' | 'kind' | 'pipeline' | TargetKind | 'run';

/** The options of one claim that hold for one target. */
export interface ResolvedPolicy {
  /** The fields; undefined where the plugin is switched off. */
  readonly fields: PolicyFields | undefined;
  /** Where each field came from. */
  readonly from: Readonly<Record<string, PolicySource>>;
}

/** What of a target decides its options. */
export interface PolicySubject {
  readonly target: TargetKind;
  readonly name: string;
  readonly kind?: Kind | undefined;
  /** What its users wrote, in their words, the stronger after the weaker: the pipeline, the target itself, the run. */
  readonly policies: readonly WrittenPolicies[];
}

/** Policies as somebody wrote them in one place, by key. */
export interface WrittenPolicies {
  readonly from: PolicySource;
  /** What an error's path begins with: `'tool "search": '`. */
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What was written in one place, as a list to be joined with others; empty where that is nothing. */
export function writtenPolicies(
  from: PolicySource,
  path: string,
  values: Readonly<Record<string, unknown>> | undefined,
): readonly WrittenPolicies[] {
  return values === undefined || Object.keys(values).length === 0 ? [] : [{ from, path, values }];
}

/** Names of core's own options: no plugin may claim them. */
export const RESERVED: ReadonlySet<string> = new Set(
  (
    'name kind input output description idempotent collect needs optional when use signal deadline grace runId ' +
    'correlationId idempotencyKey data priority stages tools replace completed onFailure'
  ).split(' '),
);

/** Resolves one claim for one target. Throws a {@link ConfigError} for what cannot be parsed. */
export function resolvePolicy(claim: PolicyClaim, subject: PolicySubject): ResolvedPolicy {
  const { key } = claim;
  const resolution = new Resolution();
  resolution.add('default', claim.defaults);
  resolution.add('plugin', claim.options);
  if (subject.kind !== undefined) resolution.add('kind', own(claim.kinds, subject.kind));
  if (subject.target === 'stage') resolution.add('stage', own(claim.stages, subject.name));
  if (subject.target === 'tool') resolution.add('tool', own(claim.tools, subject.name));
  for (const { from, path, values } of subject.policies) {
    resolution.add(from, parsed(claim, own(values, key), `${path}${key}`));
  }
  if (claim.implied !== undefined) resolution.fill(claim.implied(resolution.fields));
  return resolution.result();
}

/** A name from the outside, such as `constructor`, must not find what every object has. */
function own<T>(layers: Readonly<Partial<Record<string, T>>> | undefined, name: string): T | undefined {
  return layers !== undefined && Object.hasOwn(layers, name) ? layers[name] : undefined;
}

function parsed(claim: PolicyClaim, value: unknown, path: string): PolicyLayer {
  if (value === undefined || value === 'none') return value;
  const fields = claim.parse(value, path);
  if (typeof fields === 'object' && fields !== null) return fields;
  const problems = new Problems();
  problems.say(path, `its parse() answered ${describe(fields)} instead of an object`);
  problems.throwIfAny();
  return undefined;
}

class Resolution {
  // Without a prototype, so that a field called `__proto__` is only a field.
  readonly #fields: Record<string, unknown> = Object.create(null);
  readonly #from: Record<string, PolicySource> = Object.create(null);
  #off = false;

  add(source: PolicySource, layer: PolicyLayer): void {
    if (layer === undefined) return;
    this.#off = layer === 'none';
    if (layer === 'none') return;
    for (const key of Object.keys(layer)) {
      if (layer[key] === undefined) continue;
      this.#fields[key] = layer[key];
      this.#from[key] = source;
    }
  }

  /** What was said so far. */
  get fields(): PolicyFields {
    return this.#fields;
  }

  /** Adds what nobody has said. */
  fill(layer: PolicyFields): void {
    if (this.#off) return;
    for (const key of Object.keys(layer)) {
      if (this.#fields[key] !== undefined || layer[key] === undefined) continue;
      this.#fields[key] = layer[key];
      this.#from[key] = 'default';
    }
  }

  result(): ResolvedPolicy {
    return { fields: this.#off ? undefined : Object.freeze(this.#fields), from: this.#from };
  }
}
