import { types } from 'node:util';
import type { Call, Problems } from '@sluice/core';
import { type Answer, type Classifier, classifier } from './classifier.ts';

/** The classifier that answers what the function at `path` does; undefined, and noted, for what cannot. */
export function readWhen(fn: unknown, path: string, problems: Problems): Classifier | undefined {
  if (typeof fn !== 'function' || types.isAsyncFunction(fn)) {
    problems.add(path, 'a function (error, call) that answers true or false at once', fn);
    return undefined;
  }
  const judge = (error: unknown, call: Call | undefined): Answer => {
    // A promise is no answer, and would be taken for a yes.
    return fn(error, call) === true ? 'said' : 'no';
  };
  return classifier(
    judge,
    () => false,
    () => `when ${nameOf(fn)}`,
  );
}

/** The name of a function or a class, for people. Never throws. */
export function nameOf(fn: { readonly name: unknown }): string {
  try {
    if (typeof fn.name === 'string' && fn.name !== '') return fn.name;
  } catch {
    // It has none that can be read.
  }
  return 'a function';
}
