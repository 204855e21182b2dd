import { type Call, Problems } from '@sluice/core';
import { type Answer, type Classifier, classifier, isClassifier, judged, type RetryOn } from './classifier.ts';
import { defaults } from './defaults.ts';
import { matchesInside } from './inside.ts';
import { statusIn, wordIn } from './marks.ts';
import { askedCodeOf, isNever } from './own-codes.ts';
import { readStatuses, type StatusPattern } from './status-set.ts';
import { nameOf, readWhen } from './when.ts';

/** A class of errors, as {@link retryOn} takes it. */
export type ErrorClass = abstract new (...args: never[]) => object;

/**
 * What says which errors are tried again, and how several of that become one.
 *
 * Each looks at an error and at its causes. What is listed in `status` and `code` is named: it is tried again even where it is known to
 * be permanent. What nobody may repeat, such as a cancellation, is not put to any of them. A wrong argument is a `ConfigError`.
 *
 * @example
 * ```ts
 * import { retryOn } from '@sluice/retry';
 *
 * const busy = retryOn.any(retryOn.defaults, retryOn.status(409, '520-530'), retryOn.code('SQLITE_BUSY'));
 * console.assert(busy(Object.assign(new Error('conflict'), { status: 409 })));
 * console.assert(!busy(Object.assign(new Error('not found'), { status: 404 })));
 * ```
 */
export const retryOn: {
  /** A service answered with one of these. */
  status(...statuses: readonly StatusPattern[]): Classifier;
  /** The error's `code` is one of these, or its `type`, or that of the answer of a service that it carries. */
  code(...codes: readonly string[]): Classifier;
  /** The error is of one of these classes. */
  errors(...classes: readonly ErrorClass[]): Classifier;
  /** `fn` answers true. */
  when(fn: (error: unknown, call: Call) => boolean): Classifier;
  /** At least one of these says so; they are asked in order, until one does. */
  any(...members: readonly RetryOn[]): Classifier;
  /** All of these say so; they are asked in order, until one does not. */
  all(...members: readonly RetryOn[]): Classifier;
  /** This does not say so. It names nothing. */
  not(member: RetryOn): Classifier;
  /** What holds where nothing is said. */
  readonly defaults: Classifier;
} = Object.freeze({ status, code, errors, when, any, all, not, defaults });

function status(...patterns: readonly StatusPattern[]): Classifier {
  const problems = listed(patterns, 'retryOn.status', 'at least one status');
  const statuses = readStatuses(patterns, 'retryOn.status', problems);
  problems.throwIfAny();
  const test = (error: object): boolean => {
    const found = statusIn(error);
    return found !== undefined && statuses.has(found);
  };
  return matcher(test, (name) => statuses.has(name as number), `status ${patterns.join(', ')}`);
}

function code(...codes: readonly string[]): Classifier {
  const problems = listed(codes, 'retryOn.code', 'at least one code');
  for (const [index, value] of codes.entries()) {
    const path = `retryOn.code[${index}]`;
    if (typeof value !== 'string' || value === '') problems.add(path, 'a code such as ECONNRESET', value);
    else if (isNever(value)) problems.say(path, `${value} is never repeated, so it does nothing here`);
  }
  problems.throwIfAny();
  const named: ReadonlySet<unknown> = new Set(codes);
  const has = (word: string): boolean => named.has(word);
  return matcher(
    (error) => wordIn(error, has) !== undefined,
    (name) => named.has(name),
    `code ${codes.join(', ')}`,
  );
}

function errors(...classes: readonly ErrorClass[]): Classifier {
  const problems = listed(classes, 'retryOn.errors', 'at least one class');
  for (const [index, value] of classes.entries()) {
    const path = `retryOn.errors[${index}]`;
    if (!isClass(value)) problems.add(path, 'a class of errors', value);
    else if (isNever(value)) problems.say(path, `${value.name} is never repeated, so it does nothing here`);
  }
  problems.throwIfAny();
  const list = [...classes];
  const named: ReadonlySet<unknown> = new Set(list.map(askedCodeOf).filter((found) => found !== undefined));
  const test = (error: object): boolean => list.some((errorClass) => error instanceof errorClass);
  return matcher(test, (name) => named.has(name), `errors ${list.map(nameOf).join(', ')}`);
}

function when(fn: (error: unknown, call: Call) => boolean): Classifier {
  const problems = new Problems();
  const made = readWhen(fn, 'retryOn.when', problems);
  problems.throwIfAny();
  return made as Classifier;
}

function any(...members: readonly RetryOn[]): Classifier {
  const list = membersOf(members, 'retryOn.any');
  return classifier(
    (error, call, enough) => {
      let answer: Answer = 'no';
      for (const member of list) {
        const said = judged(member, error, call, enough);
        if (said === 'said' || said === enough) return said;
        if (said === 'yes') answer = said;
      }
      return answer;
    },
    (name) => list.some((member) => member.names(name)),
    () => `any of (${wordsOf(list)})`,
  );
}

function all(...members: readonly RetryOn[]): Classifier {
  const list = membersOf(members, 'retryOn.all');
  return classifier(
    (error, call, enough) => {
      let answer: Answer = 'yes';
      for (const member of list) {
        const said = judged(member, error, call, enough);
        if (said === 'no') return said;
        if (said === 'said') answer = said;
      }
      return answer;
    },
    (name) => list.some((member) => member.names(name)),
    () => `all of (${wordsOf(list)})`,
  );
}

const negated = new WeakMap<Classifier, Classifier>();

function not(member: RetryOn): Classifier {
  const [inner] = membersOf([member], 'retryOn.not') as readonly [Classifier];
  // Twice is not at all: what was named in it stays named.
  const before = negated.get(inner);
  if (before !== undefined) return before;
  const made = classifier(
    (error, call) => (judged(inner, error, call, 'yes') === 'no' ? 'yes' : 'no'),
    () => false,
    () => `not (${inner.describe()})`,
  );
  negated.set(made, inner);
  return made;
}

function matcher(test: (error: object) => boolean, names: Classifier['names'], words: string): Classifier {
  return classifier(
    (error) => (matchesInside(error, test) ? 'yes' : 'no'),
    names,
    () => words,
  );
}

function membersOf(members: readonly unknown[], path: string): readonly Classifier[] {
  const problems = listed(members, path, 'at least one classifier or function');
  const list = members.map((member, index) =>
    isClassifier(member) ? member : readWhen(member, `${path}[${index}]`, problems),
  );
  problems.throwIfAny();
  return list as readonly Classifier[];
}

/** None at all would mean never, or always: neither is what was meant. */
function listed(list: readonly unknown[], path: string, expected: string): Problems {
  const problems = new Problems();
  if (list.length === 0) problems.say(path, `expected ${expected}`);
  return problems;
}

function wordsOf(list: readonly Classifier[]): string {
  return list.map((member) => member.describe()).join('; ');
}

function isClass(value: unknown): value is ErrorClass {
  try {
    return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
  } catch {
    return false;
  }
}
