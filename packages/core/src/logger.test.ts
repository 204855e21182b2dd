import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { type Level, type Logger, levelEnabled } from './logger.ts';

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];
const plain = (): Logger => ({ debug() {}, info() {}, warn() {}, error() {} });
const taken = (logger: Logger): Level[] => LEVELS.filter((level) => levelEnabled(logger, level));

describe('the levels that a logger takes', () => {
  it.each<[string, readonly Level[]]>([
    ['trace', LEVELS],
    ['debug', LEVELS],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
    ['fatal', []],
    ['silent', []],
  ])('are those of pino at %s, and of its child', (level, levels) => {
    const logger = pino({ level }, { write() {} });
    expect(taken(logger)).toEqual(levels);
    expect(taken(logger.child({ a: 1 }))).toEqual(levels);
    expect(taken(pino({ level: 'trace' }, { write() {} }).child({}, { level }))).toEqual(levels);
  });

  it('follow pino when its level changes', () => {
    const logger = pino({ level: 'silent' }, { write() {} });
    expect(taken(logger)).toEqual([]);
    logger.level = 'warn';
    expect(taken(logger)).toEqual(['warn', 'error']);
  });

  it('are all, for one that does not say', () => {
    expect(taken(plain())).toEqual(LEVELS);
    expect(taken(console)).toEqual(LEVELS);
  });

  it('are those that it says it takes', () => {
    const logger = { ...plain(), isLevelEnabled: vi.fn((level: string) => level === 'warn') };
    expect(taken(logger)).toEqual(['warn']);
  });

  it('are asked of the logger itself', () => {
    class Own {
      readonly least = 'error';
      debug(): void {}
      info(): void {}
      warn(): void {}
      error(): void {}
      isLevelEnabled(level: string): boolean {
        return level === this.least;
      }
    }
    expect(taken(new Own())).toEqual(['error']);
  });

  it.each(['levelVal', 'isLevelEnabled'])('are all, for one whose %s cannot be read', (key) => {
    const logger = Object.defineProperty(plain(), key, {
      get: () => {
        throw new Error('trap');
      },
    });
    expect(taken(logger)).toEqual(LEVELS);
  });

  it('are all, for one that throws when it is asked', () => {
    const isLevelEnabled = (): never => {
      throw new Error('no');
    };
    expect(taken({ ...plain(), isLevelEnabled } as Logger)).toEqual(LEVELS);
  });
});
