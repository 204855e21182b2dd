import { describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { EventHub } from './event-hub.ts';
import type { SluiceEvent } from './events.ts';

const now = vi.fn(() => 7);
const hub = (threw = vi.fn()): EventHub => new EventHub({ ...systemClock, now }, threw);
const call = { runId: 'r', correlationId: 'c', target: 'tool', name: 'a', kind: 'agent', attempt: 2 };

describe('a hub of events', () => {
  it('builds nothing while nobody listens', () => {
    const one = hub();
    now.mockClear();
    expect(one.listening).toBe(false);
    one.emit(
      'verdict',
      new Proxy(call, {
        get: () => {
          throw new Error('read');
        },
      }),
      null,
    );
    expect(now).not.toHaveBeenCalled();
    const first = one.events$.subscribe();
    const second = one.events$.subscribe();
    first.unsubscribe();
    expect(one.listening).toBe(true);
    second.unsubscribe();
    expect(one.listening).toBe(false);
  });

  it('numbers its events, dates them, and says what they are about', () => {
    const one = hub();
    const got: SluiceEvent[] = [];
    one.events$.subscribe((event) => got.push(event));
    one.emit('partial', call, null);
    one.emit('late', call, null, { what: 'value' });
    one.emit('warning', {}, null, { message: 'm' });
    expect(got).toStrictEqual([
      {
        type: 'partial',
        seq: 1,
        at: 7,
        runId: 'r',
        correlationId: 'c',
        target: 'tool',
        name: 'a',
        kind: 'agent',
        attempt: 2,
      },
      {
        what: 'value',
        type: 'late',
        seq: 2,
        at: 7,
        runId: 'r',
        correlationId: 'c',
        target: 'tool',
        name: 'a',
        kind: 'agent',
        attempt: 2,
      },
      { message: 'm', type: 'warning', seq: 3, at: 7 },
    ]);
  });

  it('does not let data pass itself off as something else', () => {
    const one = hub();
    const got: SluiceEvent[] = [];
    one.events$.subscribe((event) => got.push(event));
    one.emit('user.mine', call, null, { type: 'verdict', seq: 99, at: 99, runId: 'other', data: 1 });
    expect(got).toMatchObject([{ type: 'user.mine', seq: 1, at: 7, runId: 'r', data: 1 }]);
  });

  it('tells everybody, also when one leaves, comes or throws meanwhile', () => {
    const threw = vi.fn();
    const one = hub(threw);
    const got: string[] = [];
    one.events$.subscribe(() => {
      got.push('first');
      second.unsubscribe();
      one.events$.subscribe(() => got.push('newcomer'));
      throw new Error('boom');
    });
    const second = one.events$.subscribe(() => got.push('second'));
    one.events$.subscribe(() => got.push('third'));
    one.emit('partial', call, null);
    expect(got).toEqual(['first', 'third']);
    expect(threw).toHaveBeenCalledTimes(1);
    one.emit('partial', call, null);
    expect(got.slice(2)).toEqual(['first', 'third', 'newcomer']);
  });
});
