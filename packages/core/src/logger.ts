import { hasMethods } from './has-methods.ts';

/** How much a line matters. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** What core asks of a logger; a pino logger is one. */
export interface Logger {
  debug(details: object, message?: string): void;
  info(details: object, message?: string): void;
  warn(details: object, message?: string): void;
  error(details: object, message?: string): void;
}

/** Writes one line: a message, or an object or an error and a message, with the arguments of its placeholders. */
export interface LogLine {
  (message: string, ...args: unknown[]): void;
  (details: object, message?: string, ...args: unknown[]): void;
}

/** The logger that work is given. */
export interface WorkLogger extends Logger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}

/** What pino has besides, by which it says what it takes. */
interface Levelled {
  readonly levelVal?: unknown;
  isLevelEnabled?(level: string): boolean;
}

/** The numbers of pino's levels. */
const PINO: Readonly<Record<Level, number>> = { debug: 20, info: 30, warn: 40, error: 50 };

/** Whether a logger takes lines of this level. One that does not say takes all. */
export function levelEnabled(logger: Logger, level: Level): boolean {
  try {
    const { levelVal } = logger as Levelled;
    if (typeof levelVal === 'number') return levelVal <= PINO[level];
    return hasMethods(logger, ['isLevelEnabled']) ? (logger as Levelled).isLevelEnabled?.(level) !== false : true;
  } catch {
    return true;
  }
}
