import { type CallOptions, readCallOptions } from './call-options.ts';
import { callOf } from './call-tool.ts';
import { CancelledError } from './errors/cancelled-error.ts';
import type { SluiceError } from './errors/sluice-error.ts';
import type { Execution } from './execution.ts';
import type { Invocation } from './invocation.ts';
import { readList, readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';
import { sweep } from './scope.ts';
import { type AnyTool, isTool, type ToolInput, type ToolOutput } from './tool.ts';
import type { Verdict } from './verdict.ts';

/** How several calls of tools are made together. */
export interface CallAllOptions extends CallOptions {
  /** How many of them go on at once; `Infinity`, all of them, unless set. */
  readonly limit?: number | undefined;
  /** Whether the results stand in the order of the calls (`true`, the default) or in that in which they ended. */
  readonly ordered?: boolean | undefined;
  /**
   * What becomes of the others when one does not end well. `'fail-fast'`, the default: they are stopped, and it rejects with that
   * one's error once they have unwound. `'all'`: they go on, and every result says how its call ended.
   */
  readonly settle?: 'all' | 'fail-fast' | undefined;
}

/** How one of several calls ended, told apart by `status`. */
export type CallResult<Output = unknown> =
  | { readonly status: 'ok'; readonly value: Output }
  | { readonly status: Exclude<Verdict, 'ok'>; readonly error: SluiceError | Error };

/** Several calls: each a tool, and its input. */
export type CallList<T extends readonly AnyTool[]> = {
  readonly [K in keyof T]: readonly [tool: T[K], ...input: InputOf<T[K]>];
};

type InputOf<T extends AnyTool> =
  undefined extends ToolInput<T>
    ? [input?: ToolInput<T>]
    : unknown extends ToolInput<T>
      ? [input?: ToolInput<T>]
      : [input: ToolInput<T>];

/** What several calls amount to, as the options say. */
export type CallAllResult<T extends readonly AnyTool[], O> = O extends { readonly settle: 'all' }
  ? O extends { readonly ordered: false }
    ? CallResult<ToolOutput<T[number]>>[]
    : { -readonly [K in keyof T]: CallResult<ToolOutput<T[K]>> }
  : O extends { readonly ordered: false }
    ? ToolOutput<T[number]>[]
    : { -readonly [K in keyof T]: ToolOutput<T[K]> };

/** Calls several tools in one work, so many of them at once as the limit says, in the order given. */
export function callAll(
  execution: Execution,
  calls: readonly (readonly [tool: AnyTool, input?: unknown])[],
  options: CallAllOptions = {},
): Promise<unknown[]> {
  try {
    const { list, limit, ordered, failFast, shared } = check(calls, options);
    const { environment } = execution.call.root;
    const invocations = list.map(([tool, input]) => callOf(environment, tool, input, shared, execution));
    return new Batch(invocations, limit, ordered, failFast, execution).run();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What is asked for, read once and checked. */
interface Asked {
  readonly list: readonly (readonly [tool: AnyTool, input?: unknown])[];
  readonly limit: number;
  readonly ordered: boolean;
  readonly failFast: boolean;
  /** What holds for each of the calls. */
  readonly shared: CallOptions;
}

function check(calls: unknown, options: unknown): Asked {
  const problems = new Problems();
  const list = readList(calls, 'callAll', problems, 'an array of [tool, input]')?.map((call, index) => {
    const pair = readList(call, `callAll[${index}]`, problems, '[tool, input]');
    if (pair !== undefined && !isTool(pair[0])) problems.add(`callAll[${index}]`, 'a tool made by tool()', pair[0]);
    return pair;
  });
  const given = readPlain(options, 'callAll: options', problems) ?? {};
  const { limit = Number.POSITIVE_INFINITY, ordered = true, settle = 'fail-fast', ...shared } = given;
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && (limit as number) >= 1)) {
    problems.add('callAll: limit', 'an integer ≥ 1, or Infinity', limit);
  }
  if (typeof ordered !== 'boolean') problems.add('callAll: ordered', 'true or false', ordered);
  if (settle !== 'all' && settle !== 'fail-fast') problems.add('callAll: settle', "'all' or 'fail-fast'", settle);
  problems.attempt(() => readCallOptions(shared));
  problems.throwIfAny();
  return {
    list: list as unknown as Asked['list'],
    limit: limit as number,
    ordered: ordered as boolean,
    failFast: settle === 'fail-fast',
    shared,
  };
}

/** Calls that are made together. */
class Batch {
  readonly #calls: readonly Invocation[];
  readonly #limit: number;
  readonly #ordered: boolean;
  readonly #failFast: boolean;
  readonly #execution: Execution;
  readonly #results: unknown[] = [];
  #next = 0;
  #running = 0;
  #starting = false;
  #failed: { readonly error: unknown } | undefined;
  #resolve: (results: unknown[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(calls: readonly Invocation[], limit: number, ordered: boolean, failFast: boolean, execution: Execution) {
    this.#calls = calls;
    this.#limit = limit;
    this.#ordered = ordered;
    this.#failFast = failFast;
    this.#execution = execution;
  }

  run(): Promise<unknown[]> {
    const promise = new Promise<unknown[]>((resolve, reject) => {
      this.#resolve = resolve;
      // Calls that their work did not wait for reject for nobody: that must not end the process.
      this.#reject = (error) => {
        if (!this.#execution.open) promise.catch(() => {});
        reject(error);
      };
    });
    this.#proceed();
    return promise;
  }

  /** Starts what may be started. A loop, also where calls end while they are being started. */
  #proceed(): void {
    if (this.#starting) return;
    this.#starting = true;
    while (this.#running < this.#limit && this.#next < this.#calls.length && this.#failed === undefined) {
      this.#start(this.#next++);
    }
    this.#starting = false;
    if (this.#running > 0) return;
    if (this.#failed === undefined) this.#resolve(this.#results);
    else this.#reject(this.#failed.error);
  }

  #start(index: number): void {
    this.#running++;
    const call = this.#calls[index] as Invocation;
    call.stream({
      enough: false,
      collects: true,
      item: () => {},
      decided: () => {
        if (this.#failFast && call.verdict !== 'ok' && call.instead === undefined) this.#fail(call);
      },
      done: () => {
        this.#running--;
        this.#keep(index, call);
        this.#proceed();
      },
    });
  }

  #fail(call: Invocation): void {
    if (this.#failed !== undefined) return;
    this.#failed = { error: call.outcome };
    const others = this.#calls.slice(0, this.#next).filter((other) => other !== call && other.verdict === undefined);
    sweep(
      others,
      new CancelledError(`Another call of ${this.#execution.title} did not end well`, { cause: call.outcome }),
    );
  }

  #keep(index: number, call: Invocation): void {
    const result = this.#failFast ? (call.instead === undefined ? call.outcome : call.instead.value) : resultOf(call);
    if (this.#ordered) this.#results[index] = result;
    else this.#results.push(result);
  }
}

function resultOf({ verdict, outcome }: Invocation): unknown {
  return verdict === 'ok' ? { status: verdict, value: outcome } : { status: verdict, error: outcome };
}
