import { setImmediate as turn } from 'node:timers/promises';
import type { Cases } from './measure.ts';
import type { Figures } from './part.ts';

const HELD = 100_000;

/** Whoever could end what hangs: what nobody can end is garbage, and holds nothing. */
const ends: (() => void)[] = [];

/** Work that goes on until all that was measured has been. */
export const hang = (): Promise<void> => new Promise((resolve) => ends.push(resolve));

/** Ends all that hangs. */
export function endAll(): void {
  for (const end of ends.splice(0)) end();
}

/** How many bytes each of 100,000 calls around {@link hang} holds while it goes on. */
export async function heldBy(cases: Cases): Promise<Figures> {
  const figures: Figures = {};
  for (const [name, call] of Object.entries(cases)) figures[name] = await held(call);
  return figures;
}

async function held(call: () => unknown): Promise<number> {
  await turn();
  const before = heapUsed();
  for (let index = 0; index < HELD; index++) call();
  // Timers take their places in the next turn.
  await turn();
  const used = heapUsed() - before;
  endAll();
  return used / HELD;
}

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('what is held can only be measured with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
