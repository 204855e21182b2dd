import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from './context.ts';
import { pipeline } from './pipeline.ts';
import { createRunner } from './runner.ts';
import { leakLedger, seededRandom } from './testing/index.ts';
import { tool } from './tool.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Polls until it is so, for 5 s at most. */
async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 5_000; !isSo() && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};

let server: Server;
let folder: string;
const accepted = new Set<unknown>();
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

describe('real: a file, a socket, a temporary file and a child process that a stage has opened', () => {
  it('are closed after deadline, failure and cancel, and after success: 500 runs, no descriptor more than before', {
    timeout: 120_000,
  }, async () => {
    const random = seededRandom(20);
    const ledger = leakLedger();
    const runner = createRunner({ grace: '5s' });
    const alive = new Set<number>();
    let opened = 0;

    const openFile = async ({ use }: Context): Promise<void> => {
      // It may come when the stage has been stopped already.
      use(await open(import.meta.filename, 'r'));
      opened++;
    };
    const openTemporary = async ({ onCleanup }: Context): Promise<void> => {
      const path = join(folder, `${opened}-${random()}`);
      const written = writeFile(path, 'scratch');
      onCleanup(async () => {
        // It may still be under way.
        await written;
        await rm(path);
      });
      await written;
      opened++;
    };
    const openSocket = tool('socket', {}, async (_: unknown, { onCleanup, signal }: Context) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => {});
      onCleanup(() => {
        socket.destroy();
        return closed;
      });
      await Promise.race([once(socket, 'data'), closed]);
      opened++;
      await aborted(signal);
    });
    const startProcess = ({ onCleanup }: Context): void => {
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
    };

    const shape = pipeline<'deadline' | 'failure' | 'cancel' | 'ok'>('resources').stage('s', async (deps, context) => {
      // It is stopped when the stage ends, at the latest.
      context.call(openSocket).catch(() => {});
      startProcess(context);
      await openFile(context);
      await openTemporary(context);
      if (deps.input === 'failure') throw new Error('boom');
      if (deps.input === 'ok') return;
      await aborted(context.signal);
    });
    const statuses = { deadline: 'timeout', failure: 'failed', cancel: 'cancelled', ok: 'ok' } as const;
    const ways = Object.keys(statuses) as (keyof typeof statuses)[];

    const doRuns = async (count: number): Promise<void> => {
      const oneRun = async (n: number): Promise<void> => {
        const way = ways[n % ways.length] as keyof typeof statuses;
        const delay = 1 + random() * 30;
        const run = runner.run(shape, way, { deadline: way === 'deadline' ? delay : '1m' });
        const timer = way === 'cancel' ? setTimeout(() => run.cancel('enough'), delay) : undefined;
        const report = await run.report;
        clearTimeout(timer);
        expect(report).toMatchObject({ status: statuses[way], orphans: [], suppressed: [] });
        expect(report.stages.s.settled).toBe(true);
      };
      for (let from = 0; from < count; from += 20) {
        await Promise.all(Array.from({ length: Math.min(20, count - from) }, (_, n) => oneRun(from + n)));
      }
      await until(() => accepted.size === 0);
    };

    await doRuns(40);
    const before = descriptors();
    await doRuns(500);
    await until(() => descriptors() <= before);
    expect(descriptors()).toBeLessThanOrEqual(before);
    expect(opened).toBeGreaterThan(1_000);
    expect([...alive]).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect(accepted.size).toBe(0);
    expect(runner.stats()).toMatchObject({ running: 0, orphans: 0 });
    await until(() => Object.keys(ledger.left()).length === 0);
    ledger.assertEmpty();
  });
});
