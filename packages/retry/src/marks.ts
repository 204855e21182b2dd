import { errorStatus } from '@sluice/core';

/** What errors carry their facts in. Everything may be missing, of another type, or throw. */
export interface Marks {
  readonly [key: string]: unknown;
}

/**
 * The status that an error carries: where {@link errorStatus} finds one, and in a `code` that is a number of that range, its own or that of the `error` that a
 * service answered with. Never throws.
 */
export function statusIn(error: object): number | undefined {
  const status = errorStatus(error);
  if (status !== undefined) return status;
  try {
    const { code, error: answer } = error as Marks;
    return statusOf(code) ?? (isObject(answer) ? statusOf(answer['code']) : undefined);
  } catch {
    return undefined;
  }
}

/** Not below 400: exit codes, and the numbers of gRPC and of the DOM, are smaller. */
function statusOf(code: unknown): number | undefined {
  return typeof code === 'number' && code >= 400 && code < 600 ? code : undefined;
}

/**
 * The first word for which `test` holds among those that say what kind of error it is: `code`, `type` and a `status` in letters, of the error and of
 * the answer of a service that it carries in `error`, `data` or `response.data`. Never throws, if `test` does not.
 */
export function wordIn(error: object, test: (word: string) => boolean): string | undefined {
  const own = wordOf(error, test);
  if (own !== undefined) return own;
  try {
    const { error: answer, data, response } = error as Marks;
    return (
      wordInAnswer(answer, test) ??
      wordInAnswer(data, test) ??
      (isObject(response) ? wordInAnswer(response['data'], test) : undefined)
    );
  } catch {
    return undefined;
  }
}

/** An answer is `{ error: { type, code } }`, or what is in it, or what holds it. */
const ANSWER_DEPTH = 3;

function wordInAnswer(answer: unknown, test: (word: string) => boolean): string | undefined {
  let current = answer;
  for (let depth = 0; depth < ANSWER_DEPTH && isObject(current); depth++) {
    const word = wordOf(current, test);
    if (word !== undefined) return word;
    current = current['error'];
  }
  return undefined;
}

function wordOf(value: object, test: (word: string) => boolean): string | undefined {
  try {
    const { code, type, status } = value as Marks;
    if (typeof code === 'string' && test(code)) return code;
    if (typeof type === 'string' && test(type)) return type;
    if (typeof status === 'string' && test(status)) return status;
  } catch {
    // What cannot be read says nothing.
  }
  return undefined;
}

function isObject(value: unknown): value is Marks {
  return typeof value === 'object' && value !== null;
}
