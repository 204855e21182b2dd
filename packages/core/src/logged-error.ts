import { describe } from './describe.ts';
import { isSluiceError } from './errors/sluice-error.ts';
import { isRealError } from './is-real-error.ts';

/** How many causes are followed. */
const CAUSES = 8;

/** How deep errors of errors are followed. */
const NESTED = 2;

/** Details of an error that are what work was given, or what it gave. */
const DATA: ReadonlySet<string> = new Set(['input', 'output', 'partial', 'partial_result', 'value']);

/** An error as it stands in a log. */
export interface LoggedError {
  readonly name: string;
  readonly message: string;
  /** What led to it, the nearest first. */
  readonly causes?: readonly LoggedError[];
  readonly [field: string]: unknown;
}

/**
 * An error as it stands in a log: what happened, where, and why, as plain data; without what the work was given, what it gave, and
 * what it had achieved. Its causes are a list, since loggers run messages of nested errors together.
 */
export function loggedError(error: unknown): LoggedError {
  const causes: LoggedError[] = [];
  const seen = new Set<unknown>([error]);
  for (
    let cause = causeOf(error);
    cause !== undefined && !seen.has(cause) && causes.length < CAUSES;
    cause = causeOf(cause)
  ) {
    seen.add(cause);
    causes.push(one(cause));
  }
  return causes.length === 0 ? one(error) : { ...one(error), causes };
}

function withoutMessage(stack: unknown, message: string): unknown {
  if (typeof stack !== 'string' || message === '') return stack;
  const at = stack.indexOf(message);
  // Where the message stands, if it does: before the places.
  const places = stack.search(/\n {4}at /);
  if (at < 0 || (places >= 0 && at > places)) return stack;
  return `${stack.slice(0, at)}(message)${stack.slice(at + message.length)}`;
}

function causeOf(error: unknown): unknown {
  try {
    return isRealError(error) ? error.cause : undefined;
  } catch {
    return undefined;
  }
}

function one(error: unknown, within = 0): LoggedError {
  try {
    if (!isRealError(error)) return { name: typeof error, message: describe(error) };
    const { name, message, stack } = error;
    const { code, errors } = error as { readonly code?: unknown; readonly errors?: unknown };
    const plain: LoggedError = {
      name,
      message,
      // Its first lines say the message again, in which a secret may not be known as one any more.
      stack: withoutMessage(stack, message),
      ...(code === undefined ? {} : { code }),
      ...(Array.isArray(errors) && within < NESTED
        ? { errors: errors.slice(0, CAUSES).map((inner) => one(inner, within + 1)) }
        : {}),
    };
    if (!isSluiceError(error)) return plain;
    const { scope, call, retryable, retryAfterMs, remediation, details } = error;
    const shown = Object.fromEntries(Object.entries(details ?? {}).filter(([key]) => !DATA.has(key)));
    return { ...plain, scope, call, retryable, retryAfterMs, remediation, details: shown };
  } catch {
    return { name: 'Error', message: 'an error that cannot be read' };
  }
}
