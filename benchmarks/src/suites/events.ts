import { createRunner, type Logger, type Runner, tool } from '@sluice/core';
import { pino } from 'pino';
import { kindsOfWork } from '../kinds-of-work.ts';
import { calls } from '../measure.ts';
import type { Suite } from '../part.ts';

/** What a call costs when somebody listens. */
export const events: Suite = {
  name: 'events',
  about: 'A call around a promise: with nobody listening, with one listener, and with pino, which writes to nowhere.',
  parts: [
    calls({
      name: 'promise',
      bare: 'bare',
      baseline: 'sluice, no listener',
      cases() {
        const { work } = kindsOfWork.promise;
        return {
          bare: work,
          'sluice, no listener': wrapped(createRunner()),
          'sluice, one listener': wrapped(listenedTo(createRunner())),
          'sluice, pino at info': wrapped(createRunner({ logger: logging('info') })),
          'sluice, pino at debug': wrapped(createRunner({ logger: logging('debug') })),
        };
      },
    }),
  ],
};

function wrapped(runner: Runner): () => Promise<unknown> {
  const { work } = kindsOfWork.promise;
  const one = tool('work', {}, work);
  return () => runner.call(one);
}

function listenedTo(runner: Runner): Runner {
  runner.events$.subscribe(() => {});
  return runner;
}

function logging(level: string): Logger {
  return pino({ level }, { write() {} });
}
