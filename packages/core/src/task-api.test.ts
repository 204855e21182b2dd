import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpStatus } from './errors/http-status.ts';
import { toResponse } from './errors/to-response.ts';
import { pipeline } from './pipeline.ts';
import type { RunRecord } from './run-records.ts';
import { createRunner, type Runner } from './runner.ts';
import { type VirtualClock, virtualClock } from './testing/virtual-clock.ts';

interface Job {
  readonly steps: number;
  readonly every: number;
  readonly deaf?: boolean;
  readonly limit?: number | 'none';
}

const DEFAULT_LIMIT = 1_000;

let clock: VirtualClock;
let runner: Runner;
let server: Server;

/** Waits; rejects with the signal's reason when it is aborted first. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    signal?.addEventListener('abort', stop);
  });
}

/** Works in steps; says how far it has come, and what it has achieved. */
const work = pipeline<Job>('work').stage('job', async ({ input: { steps, every, deaf } }, ctx) => {
  for (let step = 1; step <= steps; step++) {
    await sleep(every, deaf === true ? undefined : ctx.signal);
    ctx.progress((step / steps) * 1.25, `step ${step}`);
    ctx.partial({ items_processed: step, total_items: steps });
  }
  return { done: steps };
});

/** The whole of a task API: start, status and result, list, cancel. */
function taskApi(): Server {
  return createServer(async (request, response) => {
    const id = request.url?.split('/')[2];
    const send = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
    if (request.method === 'POST') {
      const { limit = DEFAULT_LIMIT, ...job } = JSON.parse(Buffer.concat(await request.toArray()).toString()) as Job;
      send(202, runner.runs.get(runner.run(work, job, { deadline: limit }).id));
    } else if (request.method === 'DELETE') {
      send(runner.runs.cancel(id ?? '', 'not wanted any more') ? 202 : 409, {});
    } else {
      const found = id === undefined ? runner.runs.list() : runner.runs.get(id);
      send(found === undefined ? 404 : 200, found ?? {});
    }
  });
}

async function ask<T = RunRecord>(method: string, path = '', body?: Job): Promise<{ status: number; body: T }> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/tasks${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

async function start(job: Job): Promise<string> {
  const { status, body } = await ask('POST', '', job);
  expect(status).toBe(202);
  expect(body).toMatchObject({ pipeline: 'work', status: 'running', progress: 0 });
  return body.id;
}

beforeEach(async () => {
  clock = virtualClock();
  runner = createRunner({ clock, runs: { max: 3, maxAge: '1h' } });
  server = taskApi();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await clock.runAll();
  await new Promise((resolve) => server.close(resolve));
});

describe('a task API over HTTP', () => {
  it('shows status, progress clamped to 1, the last partial result, and then the result', async () => {
    const id = await start({ steps: 5, every: 100 });
    await clock.advance(250);
    const going = (await ask('GET', `/${id}`)).body;
    expect(going).toMatchObject({ status: 'running', progress: 0.5, note: 'step 2', durationMs: 250 });
    expect(going.partial).toEqual({ items_processed: 2, total_items: 5 });
    await clock.advance(200);
    expect((await ask('GET', `/${id}`)).body.progress).toBe(1);
    await clock.advance(100);
    const over = (await ask('GET', `/${id}`)).body;
    expect(over).toMatchObject({ status: 'ok', progress: 1, durationMs: 500, result: { job: { done: 5 } } });
    expect(over).not.toHaveProperty('error');
    expect(over).not.toHaveProperty('partial');
  });

  it('ends a task at the default limit, at its own, or never', async () => {
    const usual = await start({ steps: 20, every: 100 });
    const brief = await start({ steps: 20, every: 100, limit: 250 });
    const free = await start({ steps: 20, every: 100, limit: 'none' });
    await clock.advance(2_100);
    const status = async (id: string) =>
      (({ status, durationMs }) => [status, durationMs])((await ask('GET', `/${id}`)).body);
    expect(await status(usual)).toEqual(['timeout', 1_000]);
    expect(await status(brief)).toEqual(['timeout', 250]);
    expect(await status(free)).toEqual(['ok', 2_000]);
  });

  it('answers a timeout with code, partial result and what to do about it', async () => {
    const id = await start({ steps: 20, every: 100, limit: 250 });
    await clock.advance(400);
    expect((await ask('GET', `/${id}`)).body.error).toEqual({
      code: 'TIMEOUT',
      message: 'Run of "work" exceeded its deadline of 250 ms while "job" was running',
      details: {
        timeout_seconds: 0.25,
        scope: 'run',
        partial_result: { job: { items_processed: 2, total_items: 20 } },
      },
      remediation: 'Raise the deadline of "work" (250 ms), or make its slowest branch shorter.',
    });
  });

  it('runs the next task after a timeout', async () => {
    await start({ steps: 20, every: 100, limit: 250 });
    await clock.advance(400);
    const next = await start({ steps: 1, every: 100 });
    await clock.advance(100);
    expect((await ask('GET', `/${next}`)).body.status).toBe('ok');
  });

  it('cancels a task once; one that returns anyway stays cancelled', async () => {
    const id = await start({ steps: 2, every: 100, deaf: true });
    await clock.advance(50);
    expect((await ask('DELETE', `/${id}`)).status).toBe(202);
    expect((await ask('DELETE', `/${id}`)).status).toBe(409);
    expect((await ask('GET', `/${id}`)).body.status).toBe('cancelled');
    await clock.advance(1_000);
    const over = (await ask('GET', `/${id}`)).body;
    expect(over).toMatchObject({ status: 'cancelled', durationMs: 50, error: { code: 'CANCELLED' } });
    expect(over.error?.remediation).not.toBe('');
    expect(over).not.toHaveProperty('result');
    expect((await ask('DELETE', `/${id}`)).status).toBe(409);
    expect((await ask('DELETE', '/unknown')).status).toBe(409);
  });

  it('lists what goes on and what is over, the newest first, and drops what is old or too much', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.push(await start({ steps: 1, every: 100 }));
      await clock.advance(200);
    }
    ids.push(await start({ steps: 1, every: 100 }));
    const listed = async () => (await ask<RunRecord[]>('GET')).body.map(({ id }) => id);
    expect(await listed()).toEqual([ids[5], ids[4], ids[3], ids[2]]);
    expect((await ask('GET', `/${ids[0]}`)).status).toBe(404);
    await clock.advance(200);
    expect(runner.runs.stats()).toEqual({ running: 0, finished: { ok: 3 }, dropped: 3 });
    await clock.advance(3_600_000);
    expect(await listed()).toEqual([]);
    expect(runner.runs.list({ status: 'ok' })).toEqual([]);
  });
});

it('an error of a run is the envelope of a task API, exactly, with its status', async () => {
  const run = runner.run(work, { steps: 20, every: 100 }, { deadline: 250 });
  const { error, durationMs, id } = await clock.until(run.report);
  const timestamp = '2026-01-01T00:00:00.000Z';
  expect(httpStatus(error)).toBe(504);
  expect(toResponse(error, { requestId: id, durationMs, timestamp })).toEqual({
    status: 'error',
    error: runner.runs.get(id)?.error,
    metadata: { request_id: id, timestamp, duration_ms: 250, api_version: 'v1' },
  });
});
