import { memoryStore, type Store } from './index.ts';

/** Keeps limits elsewhere: every answer takes so long. */
export function elsewhere(later: () => Promise<unknown>, store: Store = memoryStore()): Store {
  return {
    permits(key) {
      const permits = store.permits(key);
      return {
        acquire: (request) => later().then(() => permits.acquire(request)),
        renew: (lease) => later().then(() => permits.renew(lease)),
        release: (lease) => later().then(() => permits.release(lease)),
        changes: (listener) => permits.changes(listener),
        close: () => permits.close(),
      };
    },
    rates(key, spec) {
      const rates = store.rates(key, spec);
      return {
        take: (costs, now) => later().then(() => rates.take(costs, now)),
        settle: (reserved, actual, now, takenAt) => later().then(() => rates.settle(reserved, actual, now, takenAt)),
        pause: (ms, now) => later().then(() => rates.pause(ms, now)),
        correct: (limits, now) => later().then(() => rates.correct(limits, now)),
        idle: (now) => rates.idle(now),
        stats: (now) => rates.stats(now),
      };
    },
  };
}
