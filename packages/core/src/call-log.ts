import { format } from 'node:util';
import type { CallView } from './call-view.ts';
import { isRealError } from './is-real-error.ts';
import type { Log } from './log.ts';
import type { Level, WorkLogger } from './logger.ts';

/** By these pino knows a request or a response, which it writes down in a way of its own. */
const REQUEST: readonly string[] = ['method', 'setHeader'];

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** The logger that a work is given: the runner's, with the run, the call and the attempt in each line, and without secrets. */
export function callLog(log: Log | undefined, call: CallView): WorkLogger {
  const write = (level: Level) => {
    if (log === undefined) return () => {};
    return (first: unknown, ...rest: readonly unknown[]): void => {
      if (!log.takes(level)) return;
      const { runId, correlationId, target, name, attempt } = call;
      const sluice = { runId, correlationId, target, name, attempt };
      // As pino has it: the message may stand alone, or after an object or an error. What its placeholders stand for is put in here,
      // for a secret shows itself only in the whole text.
      const [fields, message] = typeof first === 'string' ? [{}, [first, ...rest]] : [fieldsOf(log, first), rest];
      const text = message.length === 0 || message[0] === undefined ? [] : [textOf(log, message)];
      log.pass(level, [{ ...fields, sluice }, ...text]);
    };
  };
  return Object.fromEntries(LEVELS.map((level) => [level, write(level)])) as unknown as WorkLogger;
}

/** The message with what its placeholders stand for: cleaned before, for objects, and after, for the whole. Never throws. */
function textOf(log: Log, [message, ...args]: readonly unknown[]): string {
  try {
    const plain = args.map((one) => (typeof one === 'object' && one !== null ? log.clean(one) : one));
    return log.cleanText(format(message, ...plain));
  } catch {
    return log.cleanText(String(message));
  }
}

function fieldsOf(log: Log, given: unknown): object {
  if (isRealError(given)) return { err: log.cleanError(given) };
  const clean = log.clean(given);
  if (typeof clean !== 'object' || clean === null) return { value: clean };
  const err = errorIn(given);
  // A logger that takes a line for a request, or a response, would lose what else is in it.
  const fields = REQUEST.some((key) => key in clean) ? { value: clean } : clean;
  return err === undefined ? fields : { ...fields, err: log.cleanError(err) };
}

/** The error under `err`, which is where loggers look for it. */
function errorIn(given: unknown): Error | undefined {
  try {
    const { err } = given as { readonly err?: unknown };
    return isRealError(err) ? err : undefined;
  } catch {
    return undefined;
  }
}
