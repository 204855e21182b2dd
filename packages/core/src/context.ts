import type { Deadline, Kind } from './call.ts';
import type { CallOptions } from './call-options.ts';
import { callTool, streamTool } from './call-tool.ts';
import type { Previous } from './call-view.ts';
import { title } from './call-view.ts';
import type { CleanupHandler } from './cleanup.ts';
import { ConfigError } from './errors/config-error.ts';
import type { Execution } from './execution.ts';
import type { Observable } from './flow.ts';
import type { AnyTool, ToolInput, ToolItem, ToolOutput } from './tool.ts';

/**
 * What work gets beside its input. Its methods may be taken off it: `({ q }, { signal, onCleanup }) => …`.
 */
export interface Context {
  /** Aborted when the work must stop, with the reason; made when it is first read. */
  readonly signal: AbortSignal;
  /** The name of the stage, tool or function. */
  readonly name: string;
  /** Its kind, if it has one. */
  readonly kind?: Kind | undefined;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** The run that it belongs to; a call outside a pipeline is a run of its own. */
  readonly runId: string;
  /** What ties together everything that one request set in motion. */
  readonly correlationId: string;
  /** One key for all attempts of the call, to be handed to a service that knows such keys. */
  readonly idempotencyKey: string;
  /** What the work was called with. */
  readonly input: unknown;
  /** The deadline that bounds it: its own or the nearest around it. */
  readonly deadline: Deadline;
  /** How the attempt before this one failed, and what it had achieved. */
  readonly previous?: Previous | undefined;
  /** Keeps a copy of what has been achieved, for the case that the work does not end well. */
  partial(value: unknown): void;
  /** Runs `handler` when the work is over, in whatever way: last in, first out, each exactly once. */
  onCleanup(handler: CleanupHandler): void;
  /** Releases `resource` when the work is over; answers it. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T;
  /** Gets the value of the work if it comes after the verdict, to dispose of it. */
  onLate(dispose: (value: unknown) => unknown): void;
  /** Calls a tool, as a part of this call: it ends when this one does, at the latest. */
  call<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Promise<ToolOutput<T>>;
  /** Calls a tool that emits, and gets its items as they come. */
  stream<T extends AnyTool>(tool: T, ...rest: CallRest<ToolInput<T>>): Observable<ToolItem<T>>;
  /** Puts an event of your own on the record: `emit('saved')` is told as `user.saved`. */
  emit(type: string, data?: unknown): void;
}

/** The arguments after the tool: its input, which may be left out where it is void, and options. */
export type CallRest<I> = undefined extends I
  ? [input?: I, options?: CallOptions]
  : unknown extends I
    ? [input?: I, options?: CallOptions]
    : [input: I, options?: CallOptions];

/** The context of one execution. Each method is bound when it is read, so that it works when it is taken off. */
export class WorkContext implements Context {
  readonly #execution: Execution;

  constructor(execution: Execution) {
    this.#execution = execution;
  }

  get signal(): AbortSignal {
    return this.#execution.signal;
  }

  get name(): string {
    return this.#execution.call.name;
  }

  get kind(): Kind | undefined {
    return this.#execution.call.kind;
  }

  get attempt(): number {
    return this.#execution.call.attempt;
  }

  get runId(): string {
    return this.#execution.call.runId;
  }

  get correlationId(): string {
    return this.#execution.call.correlationId;
  }

  get idempotencyKey(): string {
    return this.#execution.call.root.idempotencyKey;
  }

  get input(): unknown {
    return this.#execution.call.input;
  }

  get deadline(): Deadline {
    return this.#execution.call.deadline;
  }

  get previous(): Previous | undefined {
    return this.#execution.call.previous;
  }

  get partial(): Context['partial'] {
    const execution = this.#execution;
    return (value) => keepPartial(execution, value);
  }

  get onCleanup(): Context['onCleanup'] {
    const execution = this.#execution;
    return (handler) => {
      if (typeof handler !== 'function') throw new ConfigError('onCleanup: expected a function');
      execution.addCleanup(handler);
    };
  }

  get use(): Context['use'] {
    const execution = this.#execution;
    return (resource) => {
      execution.addCleanup(disposerOf(resource));
      return resource;
    };
  }

  get onLate(): Context['onLate'] {
    const execution = this.#execution;
    return (dispose) => {
      if (typeof dispose !== 'function') throw new ConfigError('onLate: expected a function');
      execution.addLate(dispose);
    };
  }

  get call(): Context['call'] {
    const execution = this.#execution;
    return (tool, ...[input, options]) => callTool(execution.call.root.environment, tool, input, options, execution);
  }

  get stream(): Context['stream'] {
    const execution = this.#execution;
    return (tool, ...[input, options]) => streamTool(execution.call.root.environment, tool, input, options, execution);
  }

  get emit(): Context['emit'] {
    const { call } = this.#execution;
    return (type, data) => call.emit(`user.${type}`, data === undefined ? {} : { data });
  }
}

function keepPartial({ open, call }: Execution, value: unknown): void {
  if (!open) return;
  if (call.root.keepPartial(value)) {
    call.emit('partial');
    return;
  }
  call.root.environment.reporter.warn(
    `${title(call)} reported a partial result that cannot be copied; the last good one stays`,
  );
}

/** How to release a resource: asynchronously if it can. */
function disposerOf(resource: Disposable | AsyncDisposable): CleanupHandler {
  if (typeof resource === 'object' || typeof resource === 'function') {
    if (resource !== null && Symbol.asyncDispose in resource) return () => resource[Symbol.asyncDispose]();
    if (resource !== null && Symbol.dispose in resource) return () => resource[Symbol.dispose]();
  }
  throw new ConfigError('use: expected a resource with [Symbol.dispose] or [Symbol.asyncDispose]');
}
