import { AsyncResource } from 'node:async_hooks';
import { alarm, CancelledError, isSluiceError, type SluiceError, Snapshot, TimeoutError } from '@sluice/core';
import { ScopeHandlers } from './scope-handlers.ts';
import { type ChildScopeOptions, readScope, type ScopeSettings, type TimeoutScopeOptions } from './scope-options.ts';

/** How a scope stands. Once it is no longer `active`, it stays as it is. */
export type ScopeStatus = 'active' | 'completed' | 'timeout' | 'cancelled';

/** How many ended scopes within one are still found by their name. */
const REMEMBERED = 1_000;
/** How many are looked at when there are too many. */
const LOOKED_AT = 2;

/**
 * A budget of time with a name, for code that is no pipeline. Scopes stand in each other, and none outlives the one around it. Made by
 * {@link timeoutScope}.
 */
export class TimeoutScope implements Disposable, AsyncDisposable {
  readonly name: string;
  /** The names from the outermost scope to this one: `benchmark/warm-up`. */
  readonly path: string;
  readonly parent: TimeoutScope | undefined;
  readonly #settings: ScopeSettings;
  readonly #began: number;
  readonly #endsAt: number;
  readonly #children = new Map<string, TimeoutScope>();
  readonly #handlers: ScopeHandlers;
  #sweep: IterableIterator<[string, TimeoutScope]> | undefined;
  readonly #achieved = new Snapshot();
  #status: ScopeStatus = 'active';
  #error: SluiceError | undefined;
  #endedAt: number | undefined;
  #controller: AbortController | undefined;
  #disarm: (() => void) | undefined;
  #waiting: Set<(error: SluiceError | undefined) => void> | undefined;

  /** Use {@link timeoutScope}, which checks what it is given. */
  constructor(name: string, settings: ScopeSettings) {
    const { clock, graceMs, logger, timeouts, limitMs, parent } = settings;
    this.name = name;
    this.parent = parent;
    this.path = parent === undefined ? name : `${parent.path}/${name}`;
    this.#settings = settings;
    this.#handlers = new ScopeHandlers(this.path, clock, graceMs, logger);
    this.#began = clock.now();
    const around = parent === undefined ? Number.POSITIVE_INFINITY : parent.#endsAt;
    const own = timeouts ? this.#began + limitMs : Number.POSITIVE_INFINITY;
    this.#endsAt = Math.min(own, around);
    if (parent !== undefined && parent.#status !== 'active') this.#end(parent.#statusOfChildren, parent.#reasonFor());
    else if (timeouts && limitMs === 0) this.#timeOut(0);
    // What ends with its parent needs no alarm of its own.
    else if (own < around)
      this.#disarm = alarm(
        clock,
        limitMs,
        AsyncResource.bind((lagMs: number) => this.#timeOut(lagMs)),
      );
    if (parent !== undefined) parent.#adopt(this);
  }

  get status(): ScopeStatus {
    return this.#status;
  }

  /** Why it is over, unless it completed. */
  get error(): SluiceError | undefined {
    return this.#error;
  }

  /** Aborted when it times out or is cancelled, with {@link error} as the reason; made when it is first read. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#error !== undefined) this.#controller.abort(this.#error);
    }
    return this.#controller.signal;
  }

  /** How many milliseconds are left, of itself or of the nearest scope in it that has this name; 0 when it is over, or unknown. */
  remaining(name?: string): number {
    const scope = name === undefined ? this : this.get(name);
    if (scope === undefined || scope.#status !== 'active') return 0;
    return Math.max(0, scope.#endsAt - scope.#settings.clock.now());
  }

  /** For how many milliseconds it has been going on, or did. */
  elapsed(): number {
    return (this.#endedAt ?? this.#settings.clock.now()) - this.#began;
  }

  /** Makes a scope in it. */
  child(name: string, options: ChildScopeOptions = {}): TimeoutScope {
    const settings = readScope(name, options, 'child', this);
    return new TimeoutScope(name, settings);
  }

  /** The nearest scope in it that has this name; itself for its own. */
  get(name: string): TimeoutScope | undefined {
    if (name === this.name) return this;
    const level: TimeoutScope[] = [this];
    for (const scope of level) {
      const found = scope.#children.get(name);
      if (found !== undefined) return found;
      level.push(...scope.#children.values());
    }
    return undefined;
  }

  /** Whether a scope right in it has this name, and is active. */
  holds(name: string): boolean {
    return this.#children.get(name)?.status === 'active';
  }

  /** Keeps a copy of what has been achieved, for its error; answers what is kept. */
  partial(...value: [achieved?: unknown]): unknown {
    if (value.length > 0 && this.#status === 'active') this.#achieved.take(value[0]);
    return this.#achieved.value;
  }

  /** Its work is done: no time runs any more. What still goes on in it is cancelled. Changes nothing once it is over. */
  complete(): void {
    this.#end('completed', undefined);
  }

  /** Stops it, and all that is in it. Changes nothing once it is over. */
  cancel(reason?: unknown): void {
    if (this.#status === 'active') this.#end('cancelled', this.#cancelled(reason));
  }

  /**
   * Calls `handler` when it times out: in order, each once, and what one throws harms no other. At once if it has already. Answers how
   * to take it back.
   */
  onTimeout(handler: (error: TimeoutError) => unknown): () => void {
    if (typeof handler !== 'function') throw new TypeError('onTimeout: expected a function');
    const withdraw = this.#handlers.add(AsyncResource.bind(handler));
    if (this.#status === 'timeout') this.#handlers.run(this.#error as TimeoutError);
    return withdraw;
  }

  /**
   * Runs `work`, and answers what it does; rejects with {@link error} as soon as the scope times out or is cancelled, whatever the work
   * does then. It does not complete the scope.
   */
  run<R>(work: (scope: TimeoutScope) => R): Promise<Awaited<R>> {
    return new Promise<Awaited<R>>((resolve, reject) => {
      if (this.#status !== 'active') {
        reject(this.#reasonFor());
        return;
      }
      const over = (error: SluiceError | undefined): void => {
        if (error !== undefined) reject(error);
      };
      this.#waiting ??= new Set();
      this.#waiting.add(over);
      // What throws at once rejects as well.
      new Promise<R>((done) => {
        done(work(this));
      })
        .then((value) => resolve(value as Awaited<R>), reject)
        .finally(() => this.#waiting?.delete(over));
    });
  }

  /** Resolves when it is over and its handlers have ended, or their grace has. */
  get settled(): Promise<void> {
    return this.#handlers.settled;
  }

  /** Completes it, unless it is over. */
  [Symbol.dispose](): void {
    this.complete();
  }

  /** Completes it, unless it is over, and waits for its handlers. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.complete();
    await this.settled;
  }

  /** Scopes that have ended are found by their name for a while; there are not more of them than can be remembered. */
  #adopt(child: TimeoutScope): void {
    const children = this.#children;
    children.delete(child.name);
    children.set(child.name, child);
    if (children.size <= REMEMBERED) return;
    // It goes on where it stopped the last time: looked at are a few, however many there are.
    for (let looks = 0; looks < LOOKED_AT; looks++) {
      this.#sweep ??= children.entries();
      const { value, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (value[1].#status !== 'active') children.delete(value[0]);
    }
  }

  /** What a scope in it starts from. */
  get settings(): ScopeSettings {
    return this.#settings;
  }

  get #statusOfChildren(): ScopeStatus {
    return this.#status === 'timeout' ? 'timeout' : 'cancelled';
  }

  /** With what the scopes in it end when it does. */
  #reasonFor(): SluiceError {
    return this.#error ?? new CancelledError(`Scope "${this.path}" has ended`, { scope: this.path });
  }

  #timeOut(lagMs: number): void {
    if (this.#status !== 'active') return;
    const { limitMs, logger } = this.#settings;
    const partial = this.#achieved.value;
    const elapsedMs = limitMs + lagMs;
    const error = new TimeoutError(`Scope "${this.path}" exceeded its timeout of ${limitMs} ms`, {
      scope: this.path,
      retryable: false,
      ...(partial === undefined ? {} : { partial }),
      remediation: `Raise the timeout of "${this.path}" (${limitMs} ms), or do less in it.`,
      details: {
        timeout_seconds: limitMs / 1_000,
        limit: 'scope',
        limitMs,
        elapsedMs,
        ...(lagMs > 20 ? { lagMs } : {}),
      },
    });
    this.#end('timeout', error, () => {
      if (logger !== undefined) this.#handlers.log({ scope: this.path, limitMs, elapsedMs }, error.message);
    });
  }

  #cancelled(reason: unknown): CancelledError {
    // Looked at with care: anything may be a reason.
    if (isSluiceError(reason, 'CANCELLED') && reason instanceof CancelledError) return reason;
    return new CancelledError(`Scope "${this.path}" was cancelled`, {
      scope: this.path,
      ...(reason === undefined ? {} : { cause: reason }),
    });
  }

  /** Ends it and all that is in it: first all have their status, then signals and handlers hear of it, outer before inner. */
  #end(status: ScopeStatus, error: SluiceError | undefined, say: () => void = () => {}): void {
    if (this.#status !== 'active') return;
    const ended: TimeoutScope[] = [this.#conclude(status, error)];
    for (const scope of ended) {
      for (const child of scope.#children.values()) {
        if (child.#status === 'active') ended.push(child.#conclude(this.#statusOfChildren, this.#reasonFor()));
      }
    }
    say();
    for (const scope of ended) scope.#tell();
  }

  #conclude(status: ScopeStatus, error: SluiceError | undefined): TimeoutScope {
    this.#status = status;
    this.#error = error;
    this.#endedAt = this.#settings.clock.now();
    this.#disarm?.();
    return this;
  }

  #tell(): void {
    const error = this.#error;
    if (error !== undefined) this.#controller?.abort(error);
    for (const over of this.#waiting ?? []) over(error);
    this.#waiting = undefined;
    this.#handlers.end(this.#status === 'timeout' ? (error as TimeoutError) : undefined);
  }
}

/**
 * Gives code that is no pipeline a budget of time, with a name, and with budgets in it: `benchmark` → `phase` → `command`.
 *
 * A scope that times out says so to its signal and its handlers, and to all scopes in it; it stays timed out, whatever follows. Scopes
 * are on one timer, however many there are. While one is active it keeps the process alive: complete it, or write `using`.
 *
 * @example
 * ```ts
 * import { timeoutScope } from '@sluice/timeout';
 *
 * const benchmark = timeoutScope('benchmark', { timeout: '10m' });
 * const command = benchmark.child('command', { timeout: '20ms' });
 * command.onTimeout((error) => console.assert(error.scope === 'benchmark/command'));
 * await command.run(() => new Promise(() => {})).catch(() => console.assert(command.status === 'timeout'));
 * console.assert(benchmark.status === 'active' && benchmark.remaining('unknown') === 0);
 * benchmark.complete();
 * ```
 *
 * @see {@link timeout} for calls, and for work that must really end
 */
export function timeoutScope(name: string, options: TimeoutScopeOptions): TimeoutScope {
  return new TimeoutScope(name, readScope(name, options, 'timeoutScope', undefined));
}
