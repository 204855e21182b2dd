import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median } from './median.ts';
import type { Effort, Figures, Part, Suite } from './part.ts';

/** What a child process is told to measure. */
export interface Order {
  readonly suite: string;
  readonly part: string;
  readonly effort: Effort;
}

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** Measures a part in so many fresh processes, one after another; answers the median of what they found. */
export async function inProcesses(count: number, suite: Suite, part: Part, effort: Effort): Promise<Figures> {
  const found: Figures[] = [];
  for (let index = 0; index < count; index++) {
    found.push(await inProcess({ suite: suite.name, part: part.name, effort }));
  }
  const rows = Object.keys(found[0] ?? {});
  return Object.fromEntries(rows.map((row) => [row, median(found.map((figures) => figures[row] ?? Number.NaN))]));
}

async function inProcess(order: Order): Promise<Figures> {
  const child = fork(CHILD, { execArgv: ['--expose-gc'] });
  let figures: Figures | undefined;
  child.on('message', (message) => {
    figures = message as Figures;
  });
  child.send(order);
  const [code] = await once(child, 'exit');
  if (code !== 0 || figures === undefined) throw new Error(`${order.suite}/${order.part} failed in its process`);
  return figures;
}
