import { TimeoutError } from '@sluice/core';
import { leakLedger, virtualClock } from '@sluice/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ScopeHandlers } from './scope-handlers.ts';

let ledger = leakLedger();
beforeEach(() => {
  ledger = leakLedger();
});
afterEach(() => ledger.assertEmpty());
afterEach(() => vi.restoreAllMocks());

const ERROR = new TimeoutError('over');

function bench(graceMs = 50) {
  const clock = virtualClock();
  const lines: { facts: Readonly<Record<string, unknown>>; message: string }[] = [];
  const warn = (facts: object, message = ''): void => void lines.push({ facts: { ...facts }, message });
  const logger = { debug() {}, info() {}, warn, error() {} };
  const handlers = new ScopeHandlers('a/b', clock, graceMs, logger);
  const settledAt: number[] = [];
  handlers.settled.then(() => settledAt.push(clock.now()));
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  return { clock, lines, handlers, settledAt, sleep };
}

describe('the handlers of a scope', () => {
  it('run in order, each once, with the error', async () => {
    const { handlers, clock, settledAt } = bench();
    const heard: unknown[] = [];
    for (const name of ['first', 'second', 'third']) handlers.add((error) => heard.push([name, error]));
    handlers.end(ERROR);
    handlers.run(ERROR);
    expect(heard).toEqual([
      ['first', ERROR],
      ['second', ERROR],
      ['third', ERROR],
    ]);
    await clock.runAll();
    expect(settledAt).toEqual([0]);
  });

  it('never run when the scope ends without an error', async () => {
    const { handlers, clock, settledAt } = bench();
    const handler = vi.fn();
    handlers.add(handler);
    handlers.end(undefined);
    handlers.run(ERROR);
    await clock.runAll();
    expect(handler).not.toHaveBeenCalled();
    expect(settledAt).toEqual([0]);
  });

  it('that were taken back do not run; one and the same may be added twice', () => {
    const { handlers } = bench();
    const handler = vi.fn();
    const withdraw = handlers.add(handler);
    handlers.add(handler);
    withdraw();
    withdraw();
    handlers.end(ERROR);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('that throw or reject harm no other, and what they throw is said', async () => {
    const { handlers, clock, lines, settledAt } = bench();
    const last = vi.fn();
    handlers.add(() => {
      throw new Error('at once');
    });
    handlers.add(() => Promise.reject(new Error('later')));
    handlers.add(() => ({ then: (_: unknown, reject: (error: unknown) => void) => reject('no error') }));
    handlers.add(last);
    handlers.end(ERROR);
    expect(last).toHaveBeenCalledTimes(1);
    await clock.runAll();
    expect(lines.map(({ facts }) => String(facts['err']))).toEqual(['Error: at once', 'Error: later', 'no error']);
    expect(lines[0]).toMatchObject({ facts: { scope: 'a/b' }, message: 'A timeout handler of scope "a/b" threw' });
    expect(settledAt).toEqual([0]);
  });

  it('that add and withdraw others while they run are heeded', () => {
    const { handlers } = bench();
    const heard: string[] = [];
    handlers.add(() => {
      heard.push('first');
      handlers.add(() => heard.push('added'));
      withdraw();
    });
    const withdraw = handlers.add(() => heard.push('withdrawn'));
    handlers.add(() => heard.push('last'));
    handlers.end(ERROR);
    expect(heard).toEqual(['first', 'last', 'added']);
  });

  it('are waited for, all of them, and no longer', async () => {
    const { handlers, clock, settledAt, lines, sleep } = bench();
    handlers.add(() => sleep(10));
    handlers.add(() => sleep(30));
    handlers.end(ERROR);
    await clock.runAll();
    expect(settledAt).toEqual([30]);
    expect(lines).toEqual([]);
  });

  it('that take longer than the grace are not waited for, and that is said with their number', async () => {
    const { handlers, clock, settledAt, lines, sleep } = bench(50);
    handlers.add(() => sleep(10));
    handlers.add(() => sleep(500));
    handlers.add(() => new Promise(() => {}));
    handlers.end(ERROR);
    await clock.runAll();
    expect(settledAt).toEqual([50]);
    expect(lines).toEqual([
      { facts: { scope: 'a/b', handlers: 2 }, message: 'Scope "a/b" has handlers that have not ended in time' },
    ]);
  });

  it('leave no timer behind when they end before their grace', async () => {
    const { handlers, clock, sleep } = bench(1_000_000);
    handlers.add(() => sleep(5));
    handlers.end(ERROR);
    await clock.advance(6);
    expect(clock.pending).toBe(0);
  });

  it('warn the process where there is no logger, and where the logger throws', () => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const clock = virtualClock();
    const alone = new ScopeHandlers('alone', clock, 50, undefined);
    alone.add(() => {
      throw new Error('boom');
    });
    alone.end(ERROR);
    expect(emitWarning).toHaveBeenLastCalledWith('A timeout handler of scope "alone" threw: boom', 'SluiceWarning');
    alone.log({ scope: 'alone' }, 'only a fact');
    expect(emitWarning).toHaveBeenCalledTimes(1);
    const warn = (): void => {
      throw new Error('no disk');
    };
    const broken = { debug() {}, info() {}, error() {}, warn };
    new ScopeHandlers('broken', clock, 50, broken).log({ scope: 'broken' }, 'said all the same');
    expect(emitWarning).toHaveBeenLastCalledWith('said all the same', 'SluiceWarning');
  });
});
