import { type Duration, type PolicyFields, type Problems, readDuration, readPlain } from '@sluice/core';

/** How calls wait. */
export interface QueueOptions {
  /** How many may wait; 10,000 unless set, `Infinity` for as many as come, 0 for none. */
  readonly max?: number | undefined;
  /** How long each may wait; until its deadline unless set. */
  readonly timeout?: Duration | undefined;
  /** Who is next in a class of priority: the first that came (`'fifo'`, the default), or the last. */
  readonly order?: 'fifo' | 'lifo' | undefined;
}

/** Turns what was written at `path` into the fields `queueMax`, `queueTimeout` and `order`, noting all that is wrong. */
export function readQueue(given: unknown, path: string, problems: Problems): PolicyFields {
  if (given === undefined) return {};
  const queue = readPlain(given, path, problems) ?? {};
  problems.unknownKeys(queue, ['max', 'timeout', 'order'], path);
  const { max, timeout, order } = queue;
  if (max !== undefined && max !== 0 && max !== Number.POSITIVE_INFINITY && !isCount(max)) {
    problems.add(`${path}.max`, 'an integer ≥ 0, or Infinity', max);
  }
  if (order !== undefined && order !== 'fifo' && order !== 'lifo')
    problems.add(`${path}.order`, "'fifo' or 'lifo'", order);
  return {
    ...(max === undefined ? {} : { queueMax: max }),
    ...(timeout === undefined ? {} : { queueTimeout: readDuration(timeout, `${path}.timeout`, problems) }),
    ...(order === undefined ? {} : { order }),
  };
}

/** Whether something is a whole number of 1 or more. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}
