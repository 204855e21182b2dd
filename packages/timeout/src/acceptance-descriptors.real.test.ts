import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Context, createRunner, type Policies, pipeline } from '@sluice/core';
import { leakLedger, seededRandom } from '@sluice/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heartbeat } from './heartbeat.ts';
import { timeout } from './timeout.ts';
import { hang, silent } from './workbench.test-kit.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Polls until it is so, for 10 s at most. */
async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; !isSo() && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let server: Server;
let folder: string;
const accepted = new Set<unknown>();
const alive = new Set<number>();
let opened = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-'));
  server = createServer((socket) => {
    accepted.add(socket);
    socket.on('close', () => accepted.delete(socket)).on('error', () => {});
    socket.write('hello');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function openFile({ use }: Context): Promise<void> {
  // It may come when the stage has been stopped already.
  use(await open(import.meta.filename, 'r'));
  opened++;
}

async function openTemporary({ onCleanup }: Context, path: string): Promise<void> {
  const written = writeFile(path, 'scratch');
  onCleanup(async () => {
    // It may still be under way.
    await written;
    await rm(path);
  });
  await written;
  opened++;
}

async function openSocket({ onCleanup }: Context): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  onCleanup(() => {
    socket.destroy();
    return closed;
  });
  await Promise.race([once(socket, 'data'), closed]);
  opened++;
}

function startProcess({ onCleanup }: Context): void {
  const child = spawn('sleep', ['600'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const { pid } = child;
  if (pid === undefined) throw new Error('no process');
  alive.add(pid);
  const closed = once(child, 'close');
  onCleanup(async () => {
    child.kill('SIGKILL');
    await closed;
    alive.delete(pid);
  });
  opened++;
}

/** How a stage is brought to its end, and the verdict that it then has. */
const WAYS = {
  total: 'timeout',
  attempt: 'timeout',
  silence: 'timeout',
  failure: 'failed',
  cancel: 'cancelled',
} as const;

describe('real: a file, a socket, a temporary file and a child process that a stage has opened', () => {
  it('are closed after timeout, failure and cancel: 500 runs, and no more open descriptors than before', async () => {
    const random = seededRandom(11);
    const ledger = leakLedger();
    // The graces are for a busy machine: what closes is waited for.
    const runner = createRunner({ grace: '10s', logger: silent, use: [timeout({ total: '1m' }), heartbeat()] });
    const shape = pipeline<keyof typeof WAYS>('resources').stage('s', async ({ input }, ctx) => {
      startProcess(ctx);
      await Promise.all([openFile(ctx), openTemporary(ctx, join(folder, ctx.runId)), openSocket(ctx)]);
      if (input === 'failure') throw new Error('boom');
      await hang(ctx.signal);
    });
    const limit = (way: keyof typeof WAYS, ms: number): Policies => {
      if (way === 'total') return { timeout: ms };
      if (way === 'attempt') return { timeout: { attempt: ms } };
      return way === 'silence' ? { heartbeat: ms } : {};
    };
    const oneRun = async (n: number): Promise<void> => {
      const ways = Object.keys(WAYS) as (keyof typeof WAYS)[];
      const way = ways[n % ways.length] as keyof typeof WAYS;
      // Some are stopped before all is open, some after.
      const delay = 1 + random() * 40;
      const run = runner.run(shape, way, limit(way, delay));
      const timer = way === 'cancel' ? setTimeout(() => run.cancel('enough'), delay) : undefined;
      const report = await run.report;
      clearTimeout(timer);
      expect(report).toMatchObject({ status: WAYS[way], orphans: [], suppressed: [] });
      expect(report.stages.s.settled).toBe(true);
    };
    const doRuns = async (count: number): Promise<void> => {
      for (let from = 0; from < count; from += 20) {
        await Promise.all(Array.from({ length: Math.min(20, count - from) }, (_, n) => oneRun(from + n)));
      }
      await until(() => accepted.size === 0);
    };

    await doRuns(40);
    const before = descriptors();
    opened = 0;
    await doRuns(500);
    await until(() => descriptors() <= before);
    expect(descriptors()).toBeLessThanOrEqual(before);
    expect(opened).toBeGreaterThan(800);
    expect([...alive]).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect(accepted.size).toBe(0);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    await until(() => Object.keys(ledger.left()).length === 0);
    ledger.assertEmpty();
  }, 120_000);
});
