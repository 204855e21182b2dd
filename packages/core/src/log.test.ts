import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Log } from './log.ts';
import type { Logger } from './logger.ts';

afterEach(() => vi.restoreAllMocks());

const spies = () => ({ debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }) satisfies Logger;

describe('a log', () => {
  it('writes facts under the one key, the error under err, and the message last', () => {
    const logger = spies();
    const log = new Log(logger);
    log.write('info', 'said', { a: 1 });
    log.write('error', 'went wrong', { a: 1 }, new TypeError('boom'));
    expect(logger.info.mock.calls).toEqual([[{ sluice: { a: 1 } }, 'said']]);
    expect(logger.error.mock.calls).toEqual([
      [{ sluice: { a: 1 }, err: expect.objectContaining({ name: 'TypeError', message: 'boom' }) }, 'went wrong'],
    ]);
  });

  it('calls the logger as its own method', () => {
    class Own implements Logger {
      readonly said: (string | undefined)[] = [];
      debug(): void {}
      info(_details: object, message?: string): void {
        this.said.push(message);
      }
      warn(): void {}
      error(): void {}
    }
    const logger = new Own();
    new Log(logger).write('info', 'said', {});
    expect(logger.said).toEqual(['said']);
  });

  it('writes no secret, be it in facts, message or error', () => {
    const logger = spies();
    const log = new Log(logger, { keys: ['badge'], values: [/cust_\w+/] });
    log.write('warn', 'token=Q7q cust_Q7q', { password: 'Q7q', badge: 'Q7q' }, new Error('badge=Q7q'));
    expect(inspect(logger.warn.mock.calls, { depth: 9 })).not.toContain('Q7q');
  });

  it('writes an error that any logger can print', () => {
    const { err } = new Log(spies()) && { err: new Log(spies()).cleanError(new RangeError('far')) };
    expect(JSON.parse(JSON.stringify(err))).toMatchObject({ name: 'RangeError', message: 'far' });
    expect(inspect(err)).toContain('far');
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ])('says once, without its secrets, that the logger %s', async (_, bad) => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const log = new Log({ debug: bad, info: bad, warn: bad, error: bad } as Logger);
    log.write('info', 'one', {});
    log.write('error', 'two', {}, new Error('x'));
    log.pass('warn', ['three']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warned.mock.calls).toEqual([['The logger threw: disk full; this is said once', 'SluiceWarning']]);
  });

  it.each<[string, unknown, string]>([
    ['a text', 'full', '"full"'],
    ['nothing', undefined, 'undefined'],
    ['a secret', new Error('token=Q7q'), 'token=[redacted]'],
  ])('says what it was that the logger threw: %s', (_, thrown, said) => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    const bad = (): never => {
      throw thrown;
    };
    new Log({ debug: bad, info: bad, warn: bad, error: bad }).write('info', 'one', {});
    expect(warned.mock.calls[0]?.[0]).toContain(`The logger threw: ${said}`);
  });
});
