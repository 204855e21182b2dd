import { describe } from './describe.ts';
import { ConfigError, type ConfigIssue, isConfigError } from './errors/config-error.ts';
import { misspelling, nearest } from './nearest.ts';

/** How many hints at names are given: each costs a look at all names that there are. */
const HINTS = 20;

/**
 * Gathers everything that is wrong with a configuration, so that its author hears of all of it at once.
 *
 * Use it in a plugin's factory: check every field, then call `throwIfAny()`.
 *
 * @example
 * ```ts
 * import { ConfigError, Problems } from '@sluice/core';
 *
 * const problems = new Problems();
 * problems.unknownKeys({ atempts: 5 }, ['attempts', 'backoff'], 'retry');
 * problems.add('retry.attempts', 'an integer ≥ 1', 'three');
 * try {
 *   problems.throwIfAny();
 * } catch (error) {
 *   console.assert(error instanceof ConfigError && error.issues.length === 2);
 * }
 * ```
 */
export class Problems {
  readonly #issues: ConfigIssue[] = [];
  #hints = 0;

  /** Notes that `path` holds `value` where `expected` (a noun phrase) was wanted. */
  add(path: string, expected: string, value: unknown): void {
    this.#issues.push({ path, expected, value, message: `${path}: expected ${expected}, got ${describe(value)}` });
  }

  /** Notes a problem that is not about one value: `message` says it whole. */
  say(path: string, message: string): void {
    this.#issues.push({ path, message: `${path}: ${message}` });
  }

  /** A hint at the name that `name` was meant to be, to be put behind a message; empty when there is none, or enough was hinted. */
  hint(name: string, known: Iterable<string>): string {
    if (this.#hints >= HINTS) return '';
    this.#hints++;
    const meant = nearest(name, known);
    return meant === undefined ? '' : `; did you mean ${describe(meant)}?`;
  }

  /** Notes each key of `value` that is not among `known`, with the nearest one that is. */
  unknownKeys(
    value: object,
    known: readonly string[],
    path: string,
    elsewhere: Readonly<Record<string, string>> = {},
  ): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const meant = Object.hasOwn(elsewhere, key) ? `; it is ${elsewhere[key]} here` : this.hint(key, known);
      const hint = meant || `; known: ${known.join(', ')}`;
      const short = describe(key).slice(1, -1);
      this.say(path === '' ? short : `${path}.${short}`, `unknown option${hint}`);
    }
  }

  /** Notes all that another error lists. */
  join(error: ConfigError): void {
    for (const issue of error.issues) this.#issues.push(issue);
  }

  /** Answers what `read` does; a {@link ConfigError} that it throws is noted, and undefined is answered. */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!isConfigError(error)) throw error;
      this.join(error);
      return undefined;
    }
  }

  /**
   * Notes each key of `value` that is one slip away from one of `known`. For options among which there may be policies of plugins: what
   * is no name of core may be theirs, but hardly when it is so near.
   */
  misspeltKeys(value: object, known: readonly string[], path: string): void {
    for (const key of Object.keys(value)) {
      const meant = known.includes(key) ? undefined : misspelling(key, known);
      if (meant !== undefined) this.say(`${path}${key}`, `unknown option; did you mean ${describe(meant)}?`);
    }
  }

  /** How many problems were noted. */
  get count(): number {
    return this.#issues.length;
  }

  /** Throws one {@link ConfigError} that lists every problem noted; does nothing when there is none. */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw new ConfigError(this.#issues);
  }
}
