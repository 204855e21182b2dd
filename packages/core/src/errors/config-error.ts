import { nameError, SluiceError } from './sluice-error.ts';

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  /** Where, such as `retry.attempts`. */
  readonly path: string;
  /** The whole sentence: path, what was expected, what was found. */
  readonly message: string;
  /** What is allowed there, as a noun phrase. */
  readonly expected?: string;
  /** What was found there. */
  readonly value?: unknown;
}

/**
 * A configuration is wrong. It lists everything that is wrong with it at once: each path, the value found, what is allowed.
 *
 * @example
 * ```ts
 * import { ConfigError, parseDuration } from '@sluice/core';
 *
 * try {
 *   parseDuration('soon', 'timeout.total');
 * } catch (error) {
 *   console.assert(error instanceof ConfigError && error.issues[0]?.path === 'timeout.total');
 * }
 * ```
 */
export class ConfigError extends SluiceError {
  declare readonly code: 'CONFIG';
  /** Everything that is wrong, in the order in which it was found. */
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[] | string) {
    const list = typeof issues === 'string' ? [{ path: '', message: issues }] : [...issues];
    super('CONFIG', textOf(list), { details: { issues: list } });
    this.issues = list;
  }
}

/** Whether something thrown is a ConfigError. Trips over nothing that is thrown. */
export function isConfigError(error: unknown): error is ConfigError {
  try {
    return error instanceof ConfigError;
  } catch {
    return false;
  }
}

/** How many issues are told in the message; the others are in `issues`. */
const TOLD = 200;

function textOf(issues: readonly ConfigIssue[]): string {
  const told = issues.slice(0, TOLD).map(({ message }) => message);
  const rest = issues.length - told.length;
  return [...told, ...(rest > 0 ? [`… and ${rest} more, all of them in "issues"`] : [])].join('\n');
}

nameError(ConfigError, 'ConfigError');
