import { createRunner, tool } from '@sluice/core';
import type { Simulation } from '@sluice/core/testing';
import { heartbeat, timeout } from './index.ts';

// A second opinion on when a call ends: the same script is played to the plugins, and worked out on paper.

type Act = 'beat' | 'progress' | 'partial' | 'pause' | 'resume';

/** What happens to a call, all at whole milliseconds; limits end in fractions of their own, so that nothing falls together. */
export interface Script {
  readonly total: number;
  readonly attempt: number;
  readonly soft: number;
  readonly idle: number;
  readonly acts: readonly { readonly at: number; readonly act: Act }[];
  /** From when to when a nested call does what is to be done. */
  readonly nested: { readonly from: number; readonly to: number } | undefined;
  /** When the work ends by itself. */
  readonly finish: number;
}

/** What became of it. */
export interface Ending {
  readonly how: string;
  readonly at: number;
  readonly warnedAt: number | undefined;
}

const ACTS: [Act, ...Act[]] = ['beat', 'progress', 'partial', 'pause', 'resume'];

export function randomScript({ integer, chance, pick }: Simulation): Script {
  const moments = new Set(Array.from({ length: integer(0, 14) }, () => 2 * integer(1, 150)));
  const from = 2 * integer(0, 100) + 1;
  return {
    total: integer(60, 600) + 0.25,
    attempt: integer(40, 250) + 0.5,
    soft: integer(1, 39) + 0.125,
    idle: integer(15, 120) + 0.75,
    acts: [...moments].sort((a, b) => a - b).map((at) => ({ at, act: pick(ACTS) })),
    nested: chance(0.5) ? { from, to: from + 2 * integer(1, 100) } : undefined,
    finish: 2 * integer(5, 400),
  };
}

/** Plays the script to the plugins. */
export async function played(script: Script, { clock }: Pick<Simulation, 'clock'>): Promise<Ending> {
  const { total, attempt, soft, idle, acts, nested, finish } = script;
  const runner = createRunner({ clock, use: [timeout('none'), heartbeat()], acknowledge: ALL });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  let warnedAt: number | undefined;
  let ended: Ending | undefined;
  runner.events$.subscribe((event) => {
    if (!('name' in event) || event.name !== 'outer') return;
    if (event.type === 'timeout.soft') warnedAt = event.at;
    if (event.type === 'verdict') ended = { how: how(event.error), at: event.at, warnedAt };
  });
  const inner = tool('inner', { timeout: 'none', heartbeat: 'none' }, (_: undefined, context) => work.within(context));
  const work = new Work(sleep, nested);
  const outer = tool(
    'outer',
    { timeout: { total, attempt, soft }, heartbeat: idle },
    async (_: undefined, context): Promise<string> => {
      work.actor = context;
      for (const { at, act } of acts) clock.schedule(at, () => work.act(act));
      if (nested !== undefined) clock.schedule(nested.from, () => context.call(inner).catch(() => {}));
      await sleep(finish);
      return 'done';
    },
  );
  await runner.call(outer).catch(() => {});
  // Also what is scheduled for later has happened by then.
  await sleep(2_000);
  return ended as Ending;
}

const ALL = ['attempt-not-under-total', 'idle-not-under-attempt', 'soft-not-under-hard'];

function how(error: unknown): string {
  if (error === undefined) return 'ok';
  const { code, scope } = error as { readonly code?: string; readonly scope?: string };
  return code === 'HEARTBEAT_LOST' ? code : `${code} ${scope}`;
}

interface Actor {
  heartbeat(): void;
  progress(fraction: number): void;
  partial(value: unknown): void;
  pause(reason: string): () => void;
}

/** What the call, or the one in it, does. */
class Work {
  actor: Actor | undefined;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #nested: Script['nested'];
  readonly #resumes: (() => void)[] = [];

  constructor(sleep: (ms: number) => Promise<void>, nested: Script['nested']) {
    this.#sleep = sleep;
    this.#nested = nested;
  }

  act(what: Act): void {
    if (what === 'beat') this.actor?.heartbeat();
    else if (what === 'progress') this.actor?.progress(0.5);
    else if (what === 'partial') this.actor?.partial(what);
    else if (what === 'pause') this.#resumes.push(this.actor?.pause('waits') ?? (() => {}));
    else this.#resumes.shift()?.();
  }

  /** The nested call: until it ends, it is the one that acts. */
  async within(context: Actor): Promise<void> {
    const before = this.actor;
    const nested = this.#nested as NonNullable<Script['nested']>;
    this.actor = context;
    await this.#sleep(nested.to - nested.from);
    this.actor = before;
  }
}

/** Works the same out on paper. */
export function workedOut({ total, attempt, soft, idle, acts, nested, finish }: Script): Ending {
  const steps: { readonly at: number; readonly act: Act | 'enter' | 'leave' | 'finish' }[] = [
    ...acts,
    { at: finish, act: 'finish' },
  ];
  if (nested !== undefined) steps.push({ at: nested.from, act: 'enter' }, { at: nested.to, act: 'leave' });
  steps.sort((a, b) => a.at - b.at);
  let now = 0;
  let active = 0;
  let heard = 0;
  let inside = false;
  let warnedAt: number | undefined;
  const pauses: { open: boolean; readonly inside: boolean }[] = [];
  const standing = (): boolean => pauses.some(({ open }) => open);
  let oldest = 0;
  for (const { at, act } of steps) {
    const ends = [{ how: 'TIMEOUT tool:outer', at: total }];
    if (!standing()) {
      ends.push({ how: 'TIMEOUT attempt', at: now + attempt - active }, { how: 'HEARTBEAT_LOST', at: heard + idle });
    }
    const first = ends.reduce((one, other) => (other.at < one.at ? other : one));
    const until = Math.min(first.at, at);
    if (!standing() && warnedAt === undefined && now + soft - active < until) warnedAt = now + soft - active;
    if (first.at < at) return { ...first, warnedAt };
    if (!standing()) active += at - now;
    now = at;
    const stood = standing();
    if (act === 'finish') break;
    if (act === 'pause') pauses.push({ open: true, inside });
    else if (act === 'enter') inside = true;
    else if (act === 'resume') {
      const pause = pauses[oldest++];
      if (pause === undefined) oldest--;
      else pause.open = false;
    } else {
      heard = now;
      if (act === 'leave') {
        inside = false;
        for (const pause of pauses) if (pause.inside) pause.open = false;
      }
    }
    if (stood && !standing()) heard = now;
  }
  return { how: 'ok', at: now, warnedAt };
}
