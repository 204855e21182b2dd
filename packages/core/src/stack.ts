import type { Kind } from './call.ts';
import { type CallOptions, readCallOptions } from './call-options.ts';
import type { Chain, Link } from './chain.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Context } from './context.ts';
import { describe } from './describe.ts';
import { Environment } from './environment.ts';
import { ConfigError, isConfigError } from './errors/config-error.ts';
import { InterceptorError } from './errors/interceptor-error.ts';
import { type Explanation, explainChain } from './explain.ts';
import type { Finding } from './finding.ts';
import { checkFunctionOptions, functionTarget } from './function-target.ts';
import { hasMethods } from './has-methods.ts';
import { checkInterceptor, type Interceptor, type Plugin } from './interceptor.ts';
import { Invocation } from './invocation.ts';
import { messageOf } from './message-of.ts';
import { checkOrder, checkTarget, type Placed } from './order-check.ts';
import { type AnyPipeline, isPipeline, nodeOf, pipelineFacts } from './pipeline.ts';
import { isList, readList, readPlain } from './plain-object.ts';
import { type PolicyFields, type PolicySubject, RESERVED, type ResolvedPolicy, resolvePolicy } from './policies.ts';
import { Problems } from './problems.ts';
import type { ResultOf } from './result.ts';
import { stageTarget } from './stage-target.ts';
import { type Target, withRunPolicies } from './target.ts';
import { type AnyTool, toolTarget } from './tool.ts';
import type { Traits } from './traits.ts';

/** How a stack is used when it is used without a runner, and which of its findings are known. */
export interface StackOptions {
  /** Codes of findings that are as they should be. */
  readonly acknowledge?: readonly string[] | undefined;
  /** Where time and chance come from; {@link systemClock} unless set. */
  readonly clock?: Clock | undefined;
}

/** What {@link Stack.execute} may be told. */
export interface ExecuteOptions extends CallOptions {
  /** What the call is named in errors and events; `'execute'` unless set. */
  readonly name?: string | undefined;
  readonly kind?: Kind | undefined;
}

/** A target that stands for none in particular: what holds for a stack as such. */
const ANYTHING: PolicySubject = { target: 'function', name: '', policies: [] };

/** How many names of inline calls are remembered with their compiled chains. */
const REMEMBERED = 1_000;

/**
 * An immutable, ordered list of interceptors, compiled once for each target. State such as breaker windows and permits lives in its
 * interceptors, and so outlives calls and runs.
 *
 * @see {@link stack} to make one
 */
export class Stack {
  /** The interceptors from the outside inwards. */
  readonly interceptors: readonly Interceptor[];
  readonly #acknowledged: ReadonlySet<string>;
  readonly #clock: Clock;
  #placed: readonly Placed[];
  /** How often the options of its interceptors have been changed: what was compiled before is out of date. */
  version = 0;
  readonly #claimed: readonly string[];
  readonly #inline = new Map<string, Chain>();
  #environment: Environment | undefined;

  /** Use {@link stack}, which also says what it finds. */
  constructor(plugins: readonly Plugin[], options: StackOptions = {}) {
    const { acknowledge = [], clock = systemClock } = checkOptions(options);
    this.interceptors = Object.freeze(ordered(plugins));
    this.#acknowledged = new Set(acknowledge);
    this.#clock = clock;
    this.#claimed = [...new Set(this.interceptors.flatMap(({ policy }) => (policy === undefined ? [] : [policy.key])))];
    this.#placed = this.#place(ANYTHING).placed;
    const errors = checkOrder(this.#placed).filter(({ level }) => level === 'error');
    if (errors.length > 0) {
      throw new ConfigError(errors.map(({ code, message, fix }) => ({ path: code, message: `${message}. ${fix}` })));
    }
  }

  /** What the order check has to say of the stack as such, without what was acknowledged. */
  get findings(): readonly Finding[] {
    return this.#unacknowledged(checkOrder(this.#placed));
  }

  /** The options of its interceptors have changed: everything is compiled anew when it is next used. */
  renew(): void {
    this.version++;
    this.#inline.clear();
    this.#placed = this.#place(ANYTHING).placed;
  }

  /** Runs `work` inside the stack. */
  execute<R>(work: (context: Context) => R, options?: ExecuteOptions): Promise<ResultOf<R>> {
    try {
      return this.#invocationOf(work, options).run() as Promise<ResultOf<R>>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #invocationOf(work: unknown, options: ExecuteOptions = {}): Invocation {
    if (typeof work !== 'function') {
      throw new ConfigError(`execute: expected a function (context) => result, got ${describe(work)}`);
    }
    const problems = new Problems();
    const given = readPlain(options, 'execute: options', problems) ?? {};
    const { name = 'execute', kind, ...rest } = given as ExecuteOptions;
    checkFunctionOptions({ name, kind }, 'execute', [], problems);
    problems.throwIfAny();
    const { own, policies } = readCallOptions(rest);
    const chain =
      policies === undefined
        ? this.#inlineChain(name, kind)
        : this.environment.compile(withRunPolicies(inlineTarget(name, kind), policies));
    return new Invocation(chain, [], null, own, work);
  }

  /** What its interceptors would tell the people on call, by name. */
  stats(): Record<string, unknown> {
    const told = new Map<string, unknown>();
    for (const interceptor of this.interceptors) {
      const { name } = interceptor;
      if (interceptor.stats === undefined) continue;
      // Where several have one name, the first from the outside has it.
      let key = name;
      for (let again = 2; told.has(key); again++) key = `${name} (${again})`;
      told.set(key, this.#statsOf(interceptor));
    }
    return Object.fromEntries(told);
  }

  /** One that throws is said, and does not keep the others from being heard. */
  #statsOf(interceptor: Interceptor): unknown {
    try {
      return interceptor.stats?.();
    } catch (error) {
      this.environment.report(new InterceptorError(interceptor.name, 'threw in stats()', { cause: error }));
      return undefined;
    }
  }

  /** What all calls share that are made without a runner. */
  get environment(): Environment {
    this.#environment ??= new Environment(this, { clock: this.#clock });
    return this.#environment;
  }

  /** The interceptors that apply to a target, from the outside inwards, each with the options that hold for it there. */
  linksFor(target: Target): Link[] {
    const { placed, policies } = this.#place(target);
    return placed.flatMap(({ interceptor }, index): Link[] => {
      const policy = policies[index];
      // What is switched off is not there.
      if (policy !== undefined && policy.fields === undefined) return [];
      return [{ interceptor, policy, prepared: preparedBy(interceptor, policy, target) }];
    });
  }

  /** What the order check has to say of the stack around one target, without what was acknowledged. */
  findingsFor(target: Target): readonly Finding[] {
    const { placed, policies } = this.#place(target);
    const active = placed.filter((_, index) => policies[index] === undefined || policies[index]?.fields !== undefined);
    return this.#unacknowledged([...checkOrder(active), ...checkTarget(active, target, this.#claimed)]);
  }

  /** The resolved chain in words and data: for a tool, for one stage of a pipeline or all of them, or for the stack as such. */
  explain(target?: AnyTool | AnyPipeline, stage?: string): Explanation {
    if (target === undefined) {
      const { placed, policies } = this.#place(ANYTHING);
      return explainChain('Stack', placed, policies, this.findings);
    }
    if (!isPipeline(target)) return this.#explainTarget(toolTarget(target), `Tool "${target.name}"`);
    const facts = pipelineFacts(target);
    const nodes = stage === undefined ? facts.nodes : [nodeOf(facts, stage)];
    const explained = nodes.map((node) =>
      this.#explainTarget(stageTarget(facts, node), `Stage "${node.info.name}" of "${facts.name}"`),
    );
    return {
      text: explained.map(({ text }) => text).join('\n'),
      entries: explained.flatMap(({ entries }) => entries),
      findings: explained.flatMap(({ findings }) => findings),
    };
  }

  #explainTarget(subject: Target, title: string): Explanation {
    const { placed, policies } = this.#place(subject);
    return explainChain(title, placed, policies, this.findingsFor(subject), subject);
  }

  #inlineChain(name: string, kind: Kind | undefined): Chain {
    const key = `${kind ?? ''}:${name}`;
    let chain = this.#inline.get(key);
    if (chain === undefined) {
      if (this.#inline.size >= REMEMBERED) this.#inline.clear();
      chain = this.environment.compile(inlineTarget(name, kind));
      this.#inline.set(key, chain);
    }
    return chain;
  }

  #place(subject: PolicySubject): { placed: Placed[]; policies: (ResolvedPolicy | undefined)[] } {
    const applying = this.interceptors.filter(
      ({ applies }) => subject === ANYTHING || typeof applies !== 'string' || applies === subject.target,
    );
    const policies = applying.map((interceptor) => policyOf(interceptor, subject));
    const placed = applying.map((interceptor, index) => ({
      interceptor,
      traits: traitsOf(interceptor, policies[index]),
    }));
    return { placed, policies };
  }

  #unacknowledged(findings: readonly Finding[]): readonly Finding[] {
    return findings.filter(({ code }) => !this.#acknowledged.has(code));
  }
}

/**
 * Makes a stack of interceptors: sorted by priority, equal ones in the order given, and checked. A stack that cannot work throws a
 * {@link ConfigError}; what merely looks wrong is said once, as a process warning, unless acknowledged.
 *
 * @example
 * ```ts
 * import { defineInterceptor, Place, stack } from '@sluice/core';
 *
 * const outer = defineInterceptor({ name: 'outer', priority: Place.observe, intercept: (call, next) => next(call) });
 * const inner = defineInterceptor({ name: 'inner', priority: Place.attempt, intercept: (call, next) => next(call) });
 * const both = stack([inner, outer]);
 * console.assert(both.interceptors.map(({ name }) => name).join() === 'outer,inner');
 * console.assert((await both.execute(({ attempt }) => attempt)) === 1);
 * ```
 */
export function stack(plugins: readonly Plugin[], options?: StackOptions): Stack {
  const made = new Stack(plugins, options);
  made.environment.warn(made.findings);
  return made;
}

/** Checks what a stack is made with; answers it, each field read once. */
function checkOptions(options: StackOptions): StackOptions {
  const problems = new Problems();
  const given = readPlain(options, 'stack: options', problems) ?? {};
  problems.unknownKeys(given, ['acknowledge', 'clock'], 'stack');
  const { acknowledge, clock } = given;
  const codes = acknowledge === undefined ? undefined : checkCodes(acknowledge, 'stack.acknowledge', problems);
  if (clock !== undefined && !hasMethods(clock, ['now', 'schedule', 'random'])) {
    problems.add('stack.clock', 'a clock with now, schedule and random', clock);
  }
  problems.throwIfAny();
  return { acknowledge: codes, clock: clock as Clock | undefined };
}

/** Reads a list of codes of findings, and notes what is wrong with it. */
export function checkCodes(given: unknown, path: string, problems: Problems): readonly string[] {
  const codes = readList(given, path, problems, 'an array of codes') ?? [];
  codes.forEach((code, index) => {
    if (typeof code !== 'string') problems.add(`${path}[${index}]`, 'a code', code);
  });
  return codes as readonly string[];
}

function ordered(plugins: readonly Plugin[]): Interceptor[] {
  const problems = new Problems();
  const list = readList(plugins, 'use', problems, 'an array of plugins');
  problems.throwIfAny();
  const interceptors = (list as readonly Plugin[]).flatMap((plugin) =>
    isList(plugin) ? plugin : [plugin as Interceptor],
  );
  interceptors.forEach((interceptor, index) => {
    if (!checkInterceptor(interceptor, `use[${index}]`, problems)) return;
    const key = interceptor.policy?.key;
    if (key !== undefined && RESERVED.has(key)) {
      problems.say(`use[${index}].policy.key`, `"${key}" is the name of an option of core`);
    }
  });
  problems.throwIfAny();
  return [...interceptors].sort((a, b) => a.priority - b.priority);
}

/** The options of an interceptor for a target. A parse that throws what is no ConfigError is a fault of the plugin's. */
function policyOf({ name, policy }: Interceptor, subject: PolicySubject): ResolvedPolicy | undefined {
  if (policy === undefined) return undefined;
  try {
    return resolvePolicy(policy, subject);
  } catch (error) {
    if (isConfigError(error)) throw error;
    throw new InterceptorError(name, `threw when it parsed the policy "${policy.key}"`, { cause: error });
  }
}

/** What an interceptor makes of its options for a target. What that throws and is no ConfigError is a fault of the plugin's. */
function preparedBy(
  { name, policy: claim }: Interceptor,
  policy: ResolvedPolicy | undefined,
  target: Target,
): PolicyFields | undefined {
  if (policy?.fields === undefined || claim?.prepare === undefined) return policy?.fields;
  try {
    return claim.prepare(policy.fields, target, policy.from);
  } catch (error) {
    if (isConfigError(error)) throw error;
    throw new InterceptorError(name, `threw when it prepared the policy "${claim.key}"`, { cause: error });
  }
}

function traitsOf(interceptor: Interceptor, policy: ResolvedPolicy | undefined): Traits | undefined {
  // What is switched off stands in nobody's way.
  if (policy !== undefined && policy.fields === undefined) return undefined;
  const { name, traits } = interceptor;
  try {
    const read = typeof traits === 'function' ? traits(policy?.fields ?? {}) : traits;
    return read === undefined ? undefined : { ...read };
  } catch (error) {
    throw new ConfigError(`use: the traits of "${name}" could not be read: ${messageOf(error)}`);
  }
}

function inlineTarget(name: string, kind: Kind | undefined): Target {
  return functionTarget(name, { kind }, (execution) => {
    const work = execution.call.root.receiver as (context: Context) => unknown;
    return work(execution.context);
  });
}
