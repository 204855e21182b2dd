import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// A process that is stopped for 2 s, seen from outside.

const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache', import.meta.url));
const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

let folder = '';

/** Puts a package, as it is now, where programs in the folder find it. */
async function install(name: string): Promise<void> {
  const target = join(folder, 'node_modules', '@sluice', name);
  await mkdir(target, { recursive: true });
  await writeFile(join(target, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  const args = [TSC, '-p', join(PACKAGES, name, 'tsconfig.build.json'), '--outDir', target, '--declaration', 'false'];
  const rest = ['--declarationMap', 'false', '--isolatedDeclarations', 'false', '--incremental', 'false'];
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, [...args, ...rest], (_, out) => {
      // What does not type-check is reported elsewhere.
      if (existsSync(join(target, 'index.js'))) resolve();
      else reject(new Error(out));
    });
  });
}

beforeAll(async () => {
  await mkdir(CACHE, { recursive: true });
  // Below node_modules, so that what is imported from others is found.
  folder = await mkdtemp(join(CACHE, 'stopped-'));
  await install('core');
  await install('timeout');
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Stops itself 300 ms after its calls have begun. */
const PROGRAM = `
  import { writeSync } from 'node:fs';
  import { createRunner, tool } from '@sluice/core';
  import { heartbeat, timeout, timeoutScope } from '@sluice/timeout';
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const hang = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const runner = createRunner({ logger: silent, use: [timeout({ total: '20s' }), heartbeat()] });
  const told = { verdict: {}, timeout: {} };
  runner.events$.subscribe(({ type, name }) => { if (type in told) told[type][name] = (told[type][name] ?? 0) + 1; });
  const ends = {};
  const began = performance.now();
  const call = (name, options, work) => runner.call(tool(name, options, work)).then(
    (value) => { ends[name] = { value }; },
    ({ code, details }) => { ends[name] = { code, atMs: performance.now() - began, elapsedMs: details.elapsedMs, lagMs: details.lagMs ?? 0 }; },
  );
  const scope = timeoutScope('scope', { timeout: 1_000 });
  const all = Promise.all([
    call('passes', { timeout: 1_000 }, (_, { signal }) => hang(signal)),
    call('later', { timeout: 4_000 }, (_, { signal }) => hang(signal)),
    call('behind', { timeout: 1_000 }, async () => { await sleep(700); return 'done'; }),
    call('mute', { heartbeat: 1_000 }, (_, { signal }) => hang(signal)),
    call('beats', { heartbeat: 1_000 }, async (_, ctx) => {
      for (let n = 0; n < 8; n++) { await sleep(200); ctx.heartbeat(); }
      return 'alive';
    }),
    scope.run(({ signal }) => hang(signal)).catch(({ details }) => { ends.scope = { elapsedMs: details.elapsedMs, lagMs: details.lagMs ?? 0 }; }),
  ]);
  await sleep(300);
  writeSync(1, 'stops\\n');
  const from = performance.now();
  process.kill(process.pid, 'SIGSTOP');
  const stoppedMs = performance.now() - from;
  await all;
  await sleep(200);
  writeSync(1, JSON.stringify({ stoppedMs, ends, told, stats: runner.stats() }) + '\\n');
`;

interface Ending {
  readonly value?: string;
  readonly code?: string;
  readonly atMs: number;
  readonly elapsedMs: number;
  readonly lagMs: number;
}

describe('real: a process that is stopped for 2 s, and then continued', () => {
  it('keeps to the monotonic clock: what has passed meanwhile ends once, late, and says so; the rest as if nothing had been', async () => {
    const file = join(folder, 'program.js');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(file, PROGRAM);
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    const take = (chunk: string): void => {
      if (!out.includes('stops\n') && `${out}${chunk}`.includes('stops\n')) {
        setTimeout(() => child.kill('SIGCONT'), 2_000);
      }
      out += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([code, out]).toEqual([0, expect.stringMatching(/^stops\n\{.*\}\n$/)]);
    const { stoppedMs, ends, told, stats } = JSON.parse(out.slice('stops\n'.length)) as {
      stoppedMs: number;
      ends: Record<'passes' | 'later' | 'behind' | 'mute' | 'beats' | 'scope', Ending>;
      told: { verdict: object; timeout: object };
      stats: object;
    };
    expect(stoppedMs).toBeGreaterThan(1_500);

    expect(ends.behind).toEqual({ value: 'done' });
    expect(ends.beats).toEqual({ value: 'alive' });
    expect([ends.passes.code, ends.later.code, ends.mute.code]).toEqual(['TIMEOUT', 'TIMEOUT', 'HEARTBEAT_LOST']);
    for (const { elapsedMs, lagMs } of [ends.passes, ends.mute, ends.scope]) {
      expect(lagMs).toBeGreaterThan(stoppedMs - 1_000);
      expect(elapsedMs - lagMs).toBeGreaterThanOrEqual(999.999);
      // What is told after others that were late with it has waited for those as well.
      expect(elapsedMs - lagMs).toBeLessThan(1_500);
    }
    expect(ends.later.atMs).toBeGreaterThanOrEqual(4_000);
    // Not 2 s later than it would have been.
    expect(ends.later.atMs - ends.later.lagMs).toBeLessThan(5_000);

    const once = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, 1]));
    expect(told.verdict).toEqual(once(['passes', 'later', 'behind', 'mute', 'beats']));
    expect(told.timeout).toEqual(once(['passes', 'later', 'mute']));
    expect(stats).toMatchObject({ running: 0, orphans: 0, late: 0 });
  }, 60_000);
});
