import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { EventHub } from './event-hub.ts';
import { Log } from './log.ts';
import type { Logger } from './logger.ts';
import { Reporter } from './reporter.ts';

let warned: Mock<(text: string | Error) => void>;
beforeEach(() => {
  warned = vi.spyOn(process, 'emitWarning').mockReturnValue() as typeof warned;
});
afterEach(() => vi.restoreAllMocks());

const hub = (): EventHub => new EventHub(systemClock, () => {});
const log = (warn: Logger['warn']): Log => new Log({ debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() });

describe('a reporter', () => {
  it('says each thing once, as a process warning where there is no logger', () => {
    const reporter = new Reporter(hub(), undefined);
    reporter.warn('one');
    reporter.warn('one', { again: true });
    reporter.warn('two');
    expect(warned.mock.calls).toEqual([
      ['one', 'SluiceWarning'],
      ['two', 'SluiceWarning'],
    ]);
  });

  it('says it to the logger, with its details, and not to the process', () => {
    const warn = vi.fn();
    const reporter = new Reporter(hub(), log(warn));
    reporter.warn('one', { code: 'x' });
    reporter.warn('one', { code: 'x' });
    expect(warn.mock.calls).toEqual([[{ sluice: { type: 'warning', code: 'x' } }, 'one']]);
    expect(warned).not.toHaveBeenCalled();
  });

  it('says it as an event, to whoever listens', () => {
    const events = hub();
    const got: object[] = [];
    events.events$.subscribe((event) => got.push(event));
    new Reporter(events, undefined).warn('one', { code: 'x' });
    expect(got).toMatchObject([{ type: 'warning', message: 'one', code: 'x' }]);
  });

  it('is not harmed by a logger that throws', () => {
    const reporter = new Reporter(
      hub(),
      log(() => {
        throw new Error('disk full');
      }),
    );
    reporter.warn('one');
    reporter.warn('two');
    expect(warned.mock.calls).toEqual([['The logger threw: disk full; this is said once', 'SluiceWarning']]);
  });

  it('remembers a bounded number of things', () => {
    const reporter = new Reporter(hub(), undefined);
    for (let n = 0; n <= 1_000; n++) reporter.warn(`thing ${n}`);
    reporter.warn('thing 1000');
    expect(warned).toHaveBeenCalledTimes(1_001);
    reporter.warn('thing 0');
    expect(warned).toHaveBeenCalledTimes(1_002);
  });
});
