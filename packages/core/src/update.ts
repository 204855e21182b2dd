import type { Environment } from './environment.ts';
import { isConfigError } from './errors/config-error.ts';
import { messageOf } from './message-of.ts';
import { nearest } from './nearest.ts';
import { readPlain } from './plain-object.ts';
import { Problems } from './problems.ts';

/**
 * Gives interceptors new options, for the calls that come after. They keep their state. A patch that one of them refuses is refused
 * whole: all that is wrong with it is said at once, and nothing is changed.
 *
 * @param patch - by the name of an interceptor, what is to be different
 */
export function updateStack(environment: Environment, patch: unknown): void {
  const problems = new Problems();
  const patches = readPlain(patch, 'update', problems, 'a plain object with the options of each interceptor');
  problems.throwIfAny();
  const undo: (() => void)[] = [];
  for (const [name, options] of Object.entries(patches ?? {})) updateOne(environment, name, options, undo, problems);
  if (problems.count === 0) {
    environment.stack.renew();
    // What a stack could not be made with, it cannot be changed to.
    for (const { code, level, message, fix } of environment.stack.findings) {
      if (level === 'error') problems.say(code, `${message}. ${fix}`);
    }
  }
  if (problems.count > 0) {
    for (const one of undo.reverse()) undoOne(one, problems);
    environment.stack.renew();
  }
  problems.throwIfAny();
  environment.warn(environment.stack.findings);
}

function undoOne(undo: () => void, problems: Problems): void {
  try {
    undo();
  } catch (error) {
    problems.say('update', `a part of it could not be undone: ${messageOf(error)}`);
  }
}

function updateOne(
  { stack }: Environment,
  name: string,
  options: unknown,
  undo: (() => void)[],
  problems: Problems,
): void {
  const meant = stack.interceptors.filter((interceptor) => interceptor.name === name);
  if (meant.length === 0) {
    const names = stack.interceptors.map((interceptor) => interceptor.name);
    const near = nearest(name, names);
    const hint = near === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean "${near}"?`;
    problems.say(name, `there is no interceptor of that name; ${hint}`);
  }
  // What several interceptors of one plugin share is changed once.
  const changed = new Set<unknown>();
  for (const interceptor of meant) {
    if (interceptor.update !== undefined && changed.has(interceptor.update)) continue;
    changed.add(interceptor.update);
    if (interceptor.update === undefined) {
      problems.say(name, 'its options cannot be changed while it runs');
      continue;
    }
    try {
      const reverse: unknown = interceptor.update(options as Readonly<Record<string, unknown>>);
      if (typeof reverse === 'function') undo.push(reverse as () => void);
      if (reverse instanceof Promise) {
        reverse.catch(() => {});
        problems.say(name, 'its update answered a promise; new options are taken at once, or refused');
      }
    } catch (error) {
      if (isConfigError(error)) problems.join(error);
      else problems.say(name, `its update threw: ${messageOf(error)}`);
    }
  }
}
