import { CancelledError, isSluiceError } from '@sluice/core';
import { leakLedger, type VirtualClock, virtualClock } from '@sluice/core/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ScopeStatus, type TimeoutScope, timeoutScope } from './timeout-scope.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());

const NONE = Number.POSITIVE_INFINITY;

/** What is asked a million times has to be asked cheaply. */
function same(is: unknown, ought: unknown): void {
  if (!Object.is(is, ought)) expect(is).toBe(ought);
}

/** What may happen to a tree of scopes; `of` is the number of a scope in it, counted from its root. */
type Happening =
  | { readonly do: 'child'; readonly of: number; readonly name: string; readonly limit: number | undefined }
  | { readonly do: 'complete' | 'cancel' | 'handler' | 'broken handler' | 'partial' | 'run'; readonly of: number }
  | { readonly do: 'wait'; readonly ms: number };

const of = fc.nat({ max: 30 });
const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('child' as const),
        of,
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        limit: fc.oneof(fc.constantFrom(0, NONE, undefined), fc.integer({ min: 1, max: 120 })),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60 }) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom(
          ...(['complete', 'cancel', 'handler', 'handler', 'broken handler', 'partial', 'run', 'run'] as const),
        ),
        of,
      }),
    },
  ),
  { minLength: 20, maxLength: 60 },
);

/** A scope as it ought to be: plain facts, and everything else is worked out anew from them whenever somebody asks. */
interface Ought {
  readonly n: number;
  readonly name: string;
  readonly parent: Ought | undefined;
  readonly began: number;
  readonly limit: number;
  status: ScopeStatus;
  endedAt: number | undefined;
  /** The scope whose end ended it; itself when it ended by itself. */
  endedBy: Ought | undefined;
  handlers: number[];
  partial: number | undefined;
  runs: number;
}

class Tree {
  readonly clock: VirtualClock = virtualClock();
  readonly ought: Ought[] = [];
  readonly scopes: TimeoutScope[] = [];
  /** Which handlers ought to have run, and which did, in order. */
  readonly due: string[] = [];
  readonly heard: string[] = [];
  /** How many runs ought to have been rejected, and how many were. */
  rejected = 0;
  refused = 0;
  #handlers = 0;

  constructor(limit: number, timeouts: 'on' | 'off') {
    this.#note('root', undefined, timeouts === 'off' ? NONE : limit);
    const given = limit === NONE ? 'none' : limit;
    this.scopes.push(timeoutScope('root', { timeout: given, timeouts, clock: this.clock }));
    this.pass(this.clock.now());
  }

  #note(name: string, parent: Ought | undefined, limit: number): Ought {
    const { length: n } = this.ought;
    const began = this.clock.now();
    const fresh: Ought = {
      ...{ n, name, parent, began, limit, status: 'active', endedAt: undefined, endedBy: undefined },
      ...{ handlers: [], partial: undefined, runs: 0 },
    };
    this.ought.push(fresh);
    return fresh;
  }

  /** When it ends at the latest: the earliest limit of itself and all around it. */
  endsAt({ parent, began, limit }: Ought): number {
    return Math.min(began + limit, parent === undefined ? NONE : this.endsAt(parent));
  }

  pathOf({ parent, name }: Ought): string {
    return parent === undefined ? name : `${this.pathOf(parent)}/${name}`;
  }

  /** The last child of each name is the one that is found. */
  childrenOf(scope: Ought): Ought[] {
    const all = this.ought.filter(({ parent }) => parent === scope);
    return all.filter(({ name, n }) => !all.some((other) => other.name === name && other.n > n));
  }

  end(scope: Ought, status: ScopeStatus, at: number): void {
    if (scope.status !== 'active') return;
    const ended = [scope];
    scope.endedBy = scope;
    for (const one of ended) {
      one.status = one === scope ? status : status === 'timeout' ? 'timeout' : 'cancelled';
      one.endedAt = at;
      for (const inner of this.childrenOf(one)) {
        if (inner.status !== 'active') continue;
        inner.endedBy = scope;
        ended.push(inner);
      }
    }
    for (const one of ended) this.#tell(one);
  }

  #tell(one: Ought): void {
    if (one.status !== 'completed') {
      this.rejected += one.runs;
      one.runs = 0;
    }
    if (one.status === 'timeout') this.due.push(...one.handlers.map((id) => `${id} ${this.pathOf(one)}`));
    one.handlers = [];
  }

  /** What has a limit that is over by `now` has ended, the earliest first. */
  pass(now: number): void {
    for (;;) {
      const next = this.ought
        .filter((scope) => scope.status === 'active' && scope.began + scope.limit <= now)
        .filter((scope) => scope.parent === undefined || scope.began + scope.limit < this.endsAt(scope.parent))
        .sort((a, b) => a.began + a.limit - (b.began + b.limit) || a.n - b.n)[0];
      if (next === undefined) return;
      this.end(next, 'timeout', next.began + next.limit);
    }
  }

  child(parent: Ought, name: string, limit: number | undefined): void {
    const scope = this.scopes[parent.n] as TimeoutScope;
    const options = limit === undefined ? {} : { timeout: limit === NONE ? ('none' as const) : limit };
    if (this.ought.some((one) => one.parent === parent && one.name === name && one.status === 'active')) {
      this.refused++;
      expect(() => scope.child(name, options)).toThrow(
        `there is an active scope "${name}" in "${this.pathOf(parent)}"`,
      );
      return;
    }
    const off = this.ought[0]?.limit === NONE && this.scopes[0]?.settings.timeouts === false;
    const fresh = this.#note(name, parent, off ? NONE : (limit ?? NONE));
    this.scopes.push(
      fresh.n % 2 === 0 ? scope.child(name, options) : timeoutScope(name, { ...options, parent: scope }),
    );
    if (parent.status !== 'active') {
      fresh.status = parent.status === 'timeout' ? 'timeout' : 'cancelled';
      fresh.endedAt = fresh.began;
      fresh.endedBy = parent.endedBy ?? parent;
    }
    this.pass(this.clock.now());
  }

  handler(ought: Ought, breaks: boolean): void {
    const id = this.#handlers++;
    const path = this.pathOf(ought);
    if (ought.status === 'timeout') this.due.push(`${id} ${path}`);
    else if (ought.status === 'active') ought.handlers.push(id);
    this.scopes[ought.n]?.onTimeout((error) => {
      expect(error).toBe(this.scopes[ought.n]?.error);
      this.heard.push(`${id} ${path}`);
      if (breaks) throw new Error('broken');
    });
  }

  run(ought: Ought): void {
    if (ought.status === 'active') ought.runs++;
    else this.rejected++;
    const scope = this.scopes[ought.n] as TimeoutScope;
    const completed = ought.status === 'completed';
    scope
      .run(() => new Promise(() => {}))
      .catch((error: unknown) => {
        if (completed) expect(error).toBeInstanceOf(CancelledError);
        else expect(error).toBe(scope.error);
        this.rejections++;
      });
  }

  rejections = 0;

  /** Everything that can be asked of every scope. */
  check(): void {
    const now = this.clock.now();
    for (const ought of this.ought) {
      const scope = this.scopes[ought.n] as TimeoutScope;
      const { status, error, path } = scope;
      same(path, this.pathOf(ought));
      same(status, ought.status);
      same(scope.remaining(), status === 'active' ? Math.max(0, this.endsAt(ought) - now) : 0);
      same(scope.elapsed(), (ought.endedAt ?? now) - ought.began);
      same(scope.signal.aborted, status === 'timeout' || status === 'cancelled');
      if (scope.signal.aborted) same(scope.signal.reason, error);
      same(scope.partial(), ought.partial);
      if (status === 'active' || status === 'completed') same(error, undefined);
      else this.#checkError(ought, scope);
      this.#checkNames(ought, scope);
    }
    same(this.heard.join(), this.due.join());
  }

  #checkError(ought: Ought, { error, status }: TimeoutScope): void {
    const by = ought.endedBy as Ought;
    if (status === 'timeout') {
      same(isSluiceError(error, 'TIMEOUT') && error.scope, this.pathOf(by));
      same(error?.details['limitMs'], by.limit);
      same(error?.partial, by.partial);
    } else {
      same(error instanceof CancelledError, true);
      same(error?.scope, this.pathOf(by));
    }
    if (by !== ought && this.scopes[by.n]?.error !== undefined) same(error, this.scopes[by.n]?.error);
  }

  #checkNames(ought: Ought, scope: TimeoutScope): void {
    for (const name of ['a', 'b', 'unknown']) {
      const level = name === ought.name ? [] : [ought];
      let found = name === ought.name ? ought : undefined;
      for (const one of level) {
        const inner = this.childrenOf(one);
        found ??= inner.find((child) => child.name === name);
        level.push(...inner);
      }
      same(scope.get(name), found === undefined ? undefined : this.scopes[found.n]);
      same(scope.remaining(name), found === undefined ? 0 : this.scopes[found.n]?.remaining());
    }
  }
}

it('any tree of scopes is, at any time and whatever happens to it, as its limits and ends say that it is', async () => {
  const emitWarning = process.emitWarning;
  let broken = 0;
  process.emitWarning = () => void broken++;
  const limits = fc.oneof(fc.constant(NONE), fc.integer({ min: 0, max: 400 }));
  const seen = { timeout: 0, cancelled: 0, completed: 0, refused: 0, heard: 0, rejected: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(limits, fc.constantFrom('on', 'on', 'on', 'off'), happenings, async (limit, timeouts, all) => {
        const tree = new Tree(limit, timeouts as 'on' | 'off');
        for (const [n, what] of all.entries()) {
          await happen(tree, what, n);
          tree.check();
        }
        tree.end(tree.ought[0] as Ought, 'completed', tree.clock.now());
        tree.scopes[0]?.complete();
        await tree.clock.advance(0);
        expect(tree.clock.pending).toBe(0);
        await tree.clock.runAll();
        tree.check();
        expect(tree.rejections).toBe(tree.rejected);
        expect(tree.ought.some(({ status }) => status === 'active')).toBe(false);
        expect(tree.clock.pending).toBe(0);
        for (const { status } of tree.ought) if (status !== 'active') seen[status]++;
        seen.refused += tree.refused;
        seen.heard += tree.heard.length;
        seen.rejected += tree.rejected;
      }),
      { numRuns: 1_000 },
    );
  } finally {
    process.emitWarning = emitWarning;
  }
  // Nothing of this went untried.
  expect(Math.min(...Object.values(seen), broken)).toBeGreaterThan(20);
}, 60_000);

async function happen(tree: Tree, what: Happening, n: number): Promise<void> {
  if (what.do === 'wait') {
    const until = tree.clock.now() + what.ms;
    tree.pass(until);
    await tree.clock.advance(what.ms);
    return;
  }
  const ought = tree.ought[what.of % tree.ought.length] as Ought;
  const scope = tree.scopes[ought.n] as TimeoutScope;
  if (what.do === 'child') {
    tree.child(ought, what.name, what.limit);
  } else if (what.do === 'complete') {
    tree.end(ought, 'completed', tree.clock.now());
    scope.complete();
  } else if (what.do === 'cancel') {
    tree.end(ought, 'cancelled', tree.clock.now());
    scope.cancel('enough');
  } else if (what.do === 'partial') {
    if (ought.status === 'active') ought.partial = n;
    scope.partial(n);
  } else if (what.do === 'run') {
    tree.run(ought);
  } else {
    tree.handler(ought, what.do === 'broken handler');
  }
}

it('of more than a thousand scopes in one some that have ended are forgotten, and no active one', () => {
  const root = timeoutScope('root', { timeout: 'none', clock: virtualClock() });
  const active = Array.from({ length: 600 }, (_, n) => root.child(`active ${n}`));
  for (let n = 0; n < 5_000; n++) root.child(`ended ${n}`).complete();
  expect(active.every(({ name }, n) => root.get(name) === active[n])).toBe(true);
  expect(root.get('ended 4999')?.status).toBe('completed');
  const known = Array.from({ length: 5_000 }, (_, n) => root.get(`ended ${n}`)).filter((scope) => scope !== undefined);
  expect(known.length).toBeLessThan(500);
  root.complete();
});
