import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { channels } from './event-channels.ts';
import { EventHub } from './event-hub.ts';
import type { SluiceEvent } from './events.ts';
import { defineInterceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { failure, limits } from './pipeline-bench.test-kit.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { scripted } from './testing/scripted.ts';
import { virtualClock } from './testing/virtual-clock.ts';
import { tool } from './tool.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
  expect(channels.active).toBe(false);
  vi.restoreAllMocks();
  vi.resetModules();
});

type Hear = (message: unknown, name: string | symbol) => void;

/** Subscribes until the end of the test. */
function hear(type: string, fn: Hear): () => void {
  diagnostics.subscribe(`sluice:${type}`, fn);
  const end = (): void => void diagnostics.unsubscribe(`sluice:${type}`, fn);
  ends.push(end);
  return end;
}

const TYPES = (
  'run.start run.end stage.start stage.item stage.end stage.skip tool.start tool.item tool.end function.start function.end attempt.start ' +
  'attempt.end verdict timeout timeout.soft heartbeat progress partial cleanup.error cleanup.late orphan orphan.end late queue.enter ' +
  'queue.leave queue.full queue.timeout rate.wait rate.limited rate.pause retry.wait retry.giveup fallback idempotency.hit ' +
  'circuit.open circuit.half-open circuit.close circuit.reject blocked warning'
).split(' ');

const fine = tool('fine', {}, () => 1);
const nested = pipeline('nested').stage('in', (_, { call }) => call(fine));

describe('the channels of diagnostics_channel', () => {
  it.each(TYPES)('have one for %s', async (type) => {
    const got: [unknown, string | symbol][] = [];
    hear(type, (message, name) => got.push([message, name]));
    hear(type === 'verdict' ? 'late' : 'verdict', () => {});
    const hub = new EventHub(virtualClock(), () => {});
    hub.emit(type, { runId: 'r' }, null, { x: 1 });
    expect(got).toEqual([[{ type, seq: 1, at: 0, runId: 'r', x: 1 }, `sluice:${type}`]]);
  });

  it('have one for what users emit, and what plugins have added', async () => {
    const types: string[] = [];
    hear('user', (event) => types.push((event as SluiceEvent).type));
    const plugin = defineInterceptor({
      name: 'cache',
      priority: Place.total,
      intercept: (call, next) => {
        call.emit('cache.hit', { key: 'k' });
        return next(call);
      },
    });
    const runner = createRunner({ clock: virtualClock(), use: [plugin] });
    await runner.call(tool('t', {}, (_: unknown, { emit }) => emit('saved', { rows: 3 })));
    expect(types).toEqual(['cache.hit', 'user.saved']);
  });

  it('tell what the events of the runner tell, type by type', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock, use: [limits({ slow: 10 })] });
    const told: SluiceEvent[] = [];
    runner.events$.subscribe((event) => told.push(event));
    const got: unknown[] = [];
    for (const type of [...TYPES, 'user', 'function.item']) hear(type, (event) => got.push(event));
    const stubborn = scripted([{ do: 'succeed', after: 500, ignoreSignal: true, cleanup: 'throws' }], { clock });
    const run = runner.run(
      pipeline('p', { onFailure: 'continue' })
        .stage('slow', stubborn)
        .stage('in', (_, { call }) => call(fine)),
    );
    await clock.until(run.report);
    await clock.runAll();
    expect(got).toEqual(told);
    expect(new Set(told.map(({ type }) => type))).toEqual(
      new Set(
        'run.start stage.start attempt.start tool.start attempt.end verdict tool.end stage.end timeout orphan run.end late cleanup.error orphan.end'.split(
          ' ',
        ),
      ),
    );
  });

  it('are heard through the module and through the channel, until the last has left', async () => {
    const runner = createRunner({ clock: virtualClock() });
    const [first, second] = [vi.fn(), vi.fn()];
    const one = diagnostics.channel('sluice:tool.end');
    one.subscribe(first);
    diagnostics.subscribe('sluice:tool.end', second);
    await runner.call(fine);
    one.unsubscribe(first);
    expect(channels.active).toBe(true);
    await runner.call(fine);
    expect(one.unsubscribe(first)).toBe(false);
    expect(diagnostics.unsubscribe('sluice:tool.end', second)).toBe(true);
    expect(channels.active).toBe(false);
    await runner.call(fine);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2]);
    one.subscribe(first);
    await runner.call(fine);
    one.unsubscribe(first);
    expect(first).toHaveBeenCalledTimes(2);
  });

  it('have events built only while somebody subscribes', async () => {
    const runner = createRunner({ clock: virtualClock() });
    const emitted = vi.spyOn(EventHub.prototype, 'emit');
    await runner.call(fine);
    expect(emitted).not.toHaveBeenCalled();
    const end = hear('verdict', () => {});
    await runner.call(fine);
    const { length } = emitted.mock.calls;
    expect(length).toBeGreaterThan(0);
    end();
    await runner.call(fine);
    expect(emitted).toHaveBeenCalledTimes(length);
  });

  it('may have stores bound to them', () => {
    const one = diagnostics.channel('sluice:verdict') as unknown as {
      bindStore(store: object): void;
      unbindStore(store: object): boolean;
    };
    const store = new AsyncLocalStorage();
    one.bindStore(store);
    expect(channels.active).toBe(true);
    expect(one.unbindStore(store)).toBe(true);
    expect(channels.active).toBe(false);
  });

  it('are those of all runners of the process', async () => {
    const names: string[] = [];
    hear('run.end', (event) => names.push(String(Reflect.get(event as object, 'name'))));
    await createRunner({ clock: virtualClock() }).run(nested);
    await createRunner({ clock: virtualClock() }).run(pipeline('other').stage('s', () => 1));
    expect(names).toEqual(['nested', 'other']);
  });

  it('have one end for each start, whoever comes and goes meanwhile', async () => {
    const clock = virtualClock();
    const runner = createRunner({ clock });
    const counts = { start: 0, end: 0 };
    hear('tool.start', () => counts.start++);
    hear('tool.end', () => counts.end++);
    const slow = tool('slow', {}, () => new Promise<void>((resolve) => clock.schedule(10, resolve)));
    const calls = [runner.call(slow), runner.call(slow)];
    await clock.advance(5);
    const passing = runner.events$.subscribe();
    calls.push(runner.call(slow));
    passing.unsubscribe();
    await clock.until(Promise.all(calls));
    await failure(runner.call(tool('bad', {}, () => Promise.reject(new Error('x')))));
    expect(counts).toEqual({ start: 4, end: 4 });
  });

  it('are heard by who subscribed before the package was loaded', async () => {
    const heard = vi.fn();
    hear('run.end', heard);
    vi.resetModules();
    const fresh = { ...(await import('./runner.ts')), ...(await import('./pipeline.ts')) };
    await fresh.createRunner({ clock: virtualClock() }).run(fresh.pipeline('fresh').stage('s', () => 1));
    expect(heard).toHaveBeenCalledTimes(1);
  });

  it('are heard from every copy of the package', async () => {
    vi.resetModules();
    const other = await import('./event-channels.ts');
    expect(other.channels).not.toBe(channels);
    const end = hear('run.end', () => {});
    expect([channels.active, other.channels.active]).toEqual([true, true]);
    end();
    expect([channels.active, other.channels.active]).toEqual([false, false]);
  });
});
