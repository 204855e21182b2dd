import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRunner } from './runner.ts';

// What a process does when it is told to end, seen from outside: each program is a process of its own.

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache', import.meta.url));
const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
const TIMEOUT = 30_000;

let folder = '';
const children: ChildProcess[] = [];

beforeAll(async () => {
  await mkdir(CACHE, { recursive: true });
  // Below node_modules, so that what core imports is found.
  folder = await mkdtemp(join(CACHE, 'signal-handling-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const args = [TSC, '-p', join(PACKAGE, 'tsconfig.build.json'), '--outDir', folder, '--declaration', 'false'];
  await new Promise<void>((resolve, reject) => {
    const rest = ['--declarationMap', 'false', '--isolatedDeclarations', 'false', '--incremental', 'false'];
    execFile(process.execPath, [...args, ...rest], (_, out) => {
      // What does not type-check is reported elsewhere.
      if (existsSync(join(folder, 'index.js'))) resolve();
      else reject(new Error(out));
    });
  });
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

afterEach(() => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
});

/** What stands at the head of every program. */
const HEAD = `
  import { createRunner, tool, pipeline } from './index.js';
  const say = (line) => process.stdout.write(line + '\\n');
  const logger = { debug() {}, error() {}, info: (_, text) => say('info: ' + text), warn: (_, text) => say('warn: ' + text) };
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const listening = () => process.listenerCount('SIGTERM') + ' ' + process.listenerCount('SIGINT');
  const slow = tool('slow', {}, async (ms) => { await sleep(ms); return 'done'; });
  const hang = tool('hang', {}, (_, { signal }) => new Promise((_, reject) => {
    const alive = setInterval(() => {}, 1_000);
    signal.addEventListener('abort', () => { clearInterval(alive); reject(signal.reason); });
  }));
  const deaf = tool('deaf', {}, () => sleep(60_000));
  const tell = (name, call) => call.then((value) => say(name + ': ' + value), (error) => say(name + ': ' + error.code));
`;

interface Program {
  readonly lines: readonly string[];
  /** Resolves as soon as a line begins with `text`. */
  said(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** How it ended: its exit code, or the signal that ended it. */
  readonly end: Promise<number | NodeJS.Signals>;
}

let programs = 0;

async function start(source: string): Promise<Program> {
  const file = join(folder, `program-${++programs}.js`);
  await writeFile(file, `${HEAD}\n${source}`);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: string[] = [];
  let rest = '';
  let waiting: { readonly text: string; readonly resolve: () => void }[] = [];
  const take = (chunk: string): void => {
    rest += chunk;
    const whole = rest.split('\n');
    rest = whole.pop() ?? '';
    lines.push(...whole);
    waiting = waiting.filter(({ text, resolve }) => {
      const said = lines.some((line) => line.startsWith(text));
      if (said) resolve();
      return !said;
    });
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const end = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code ?? -1));
  });
  return {
    lines,
    end,
    said: (text) =>
      new Promise((resolve) => {
        if (lines.some((line) => line.startsWith(text))) resolve();
        else waiting.push({ text, resolve });
      }),
    signal: (signal) => void child.kill(signal),
  };
}

describe('a process whose runner handles signals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'lets its work finish at %s, takes nothing more in, and then ends by that signal',
    async (signal) => {
      const program = await start(`
        const runner = createRunner({ logger, handleSignals: true });
        tell('slow', runner.call(slow, 1_300));
        setTimeout(() => tell('more', runner.call(slow, 0)), 1_000);
        say('ready');
      `);
      await program.said('ready');
      program.signal(signal);
      expect(await program.end).toBe(signal);
      expect(program.lines).toEqual(['ready', 'more: DRAINING', 'info: The runner is shut down', 'slow: done']);
    },
    TIMEOUT,
  );

  it(
    'ends at once when nothing goes on, although it would stay otherwise',
    async () => {
      const program = await start(`
        createRunner({ logger, handleSignals: true });
        setInterval(() => {}, 1_000);
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
      expect(program.lines).toEqual(['ready', 'info: The runner is shut down']);
    },
    TIMEOUT,
  );

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGINT', 'SIGINT'],
  ] as const)(
    'stops at %s and then %s what goes on, and ends by the first one',
    async (first, second) => {
      const program = await start(`
        const runner = createRunner({ logger, handleSignals: true });
        tell('hang', runner.call(hang));
        setInterval(() => { if (refused) return; runner.call(slow, 0).catch(() => { refused = true; say('closing'); }); }, 20);
        let refused = false;
        say('ready');
      `);
      await program.said('ready');
      program.signal(first);
      await program.said('closing');
      expect(program.lines).not.toContain('hang: CANCELLED');
      program.signal(second);
      expect(await program.end).toBe(first);
      expect(program.lines).toEqual([
        'ready',
        'closing',
        'warn: The runner stops what has not ended in time: 1 in all',
        'info: The runner is shut down',
        'hang: CANCELLED',
      ]);
    },
    TIMEOUT,
  );

  it(
    'says by name what is left when it ends, and does not wait for it',
    async () => {
      const program = await start(`
        const runner = createRunner({ logger, handleSignals: true });
        tell('deaf', runner.call(deaf));
        tell('run', runner.run(pipeline('p').stage('stays', () => sleep(60_000))));
        let refused = false;
        setInterval(() => { if (refused) return; runner.call(slow, 0).catch(() => { refused = true; say('closing'); }); }, 20);
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      await program.said('closing');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
      const last = program.lines.find((line) => line.startsWith('warn: The runner is shut down'));
      expect(last).toMatch(/; still alive: /);
      expect(last).toContain('tool "deaf"');
      expect(last).toContain('stage "stays"');
    },
    TIMEOUT,
  );

  it(
    'shuts all its runners down, and ends when the last of them is down',
    async () => {
      const program = await start(`
        const one = createRunner({ logger, name: 'one', handleSignals: true });
        const two = createRunner({ logger, name: 'two', handleSignals: true });
        say('listeners: ' + listening());
        tell('one', one.call(slow, 400));
        tell('two', two.call(slow, 900));
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
      expect(program.lines).toEqual([
        'listeners: 1 1',
        'ready',
        'info: The runner is shut down',
        'one: done',
        'info: The runner is shut down',
        'two: done',
      ]);
    },
    TIMEOUT,
  );

  it(
    'leaves a runner alone that does not handle signals, and ends without it',
    async () => {
      const program = await start(`
        createRunner({ logger, handleSignals: true });
        const other = createRunner({ logger });
        tell('other', other.call(hang));
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
      expect(program.lines).toEqual(['ready', 'info: The runner is shut down']);
    },
    TIMEOUT,
  );
});

describe('the exit of a process with a listener of its own', () => {
  it.each([
    ['registered before the runner', `process.on('SIGTERM', own);`, ''],
    ['registered after it', '', `process.on('SIGTERM', own);`],
    ['for one signal only, registered before the runner', `process.once('SIGTERM', own);`, ''],
    ['for one signal only, registered after it', '', `process.once('SIGTERM', own);`],
  ])(
    'is what that listener says: %s',
    async (_, before, after) => {
      const program = await start(`
        const own = () => {
          say('own');
          setTimeout(() => { say('closed'); process.exit(7); }, 1_200);
        };
        ${before}
        const runner = createRunner({ logger, handleSignals: true });
        ${after}
        tell('slow', runner.call(slow, 500));
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe(7);
      expect(program.lines).toEqual(['ready', 'own', 'info: The runner is shut down', 'slow: done', 'closed']);
    },
    TIMEOUT,
  );

  it(
    'is that of the signal, where the listener is for another one',
    async () => {
      const program = await start(`
        process.on('SIGINT', () => say('own'));
        const runner = createRunner({ logger, handleSignals: true });
        say('ready');
        setInterval(() => {}, 1_000);
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
    },
    TIMEOUT,
  );
});

describe('signals are left alone', () => {
  it(
    'by a runner that was not told to handle them: the process ends at once',
    async () => {
      const program = await start(`
        const runner = createRunner({ logger });
        say('listeners: ' + listening());
        tell('slow', runner.call(slow, 60_000));
        say('ready');
      `);
      await program.said('ready');
      program.signal('SIGTERM');
      expect(await program.end).toBe('SIGTERM');
      expect(program.lines).toEqual(['listeners: 0 0', 'ready']);
    },
    TIMEOUT,
  );

  it(
    'by a runner that was shut down by its program; the process ends by itself when it has nothing to do',
    async () => {
      const program = await start(`
        const one = createRunner({ logger, handleSignals: true });
        const two = createRunner({ logger, handleSignals: true });
        say('both: ' + listening());
        await one.drain();
        say('one: ' + listening());
        await two.drain();
        say('none: ' + listening());
        const three = createRunner({ logger, handleSignals: true });
        say('again: ' + listening());
        await three[Symbol.asyncDispose]();
        say('none: ' + listening());
      `);
      expect(await program.end).toBe(0);
      expect(program.lines.filter((line) => !line.startsWith('info'))).toEqual([
        'both: 1 1',
        'one: 1 1',
        'none: 0 0',
        'again: 1 1',
        'none: 0 0',
      ]);
    },
    TIMEOUT,
  );

  it(
    'and a runner that handles them keeps no process alive',
    async () => {
      const program = await start(`
        const runner = createRunner({ logger, handleSignals: true });
        say(await runner.call(slow, 10));
      `);
      expect(await program.end).toBe(0);
      expect(program.lines).toEqual(['done']);
    },
    TIMEOUT,
  );

  it.each([[undefined], [false]])('where handleSignals is %s', (handleSignals) => {
    const before = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT');
    createRunner({ handleSignals });
    expect(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')).toBe(before);
  });
});
