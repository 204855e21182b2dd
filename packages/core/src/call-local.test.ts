import { catchError, type MonoTypeOperatorFunction, type Observable, retry } from 'rxjs';
import { expect, it } from 'vitest';
import { CallLocal } from './call-local.ts';
import type { Context } from './context.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { pipeline } from './pipeline.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { tool } from './tool.ts';

function leaves(local: CallLocal<string>, seen: (string | undefined)[], name = 'leaves'): Interceptor {
  return defineInterceptor({
    name,
    priority: Place.concurrency,
    intercept(call, next) {
      seen.push(local.around(call));
      local.set(call, `${call.target}:${call.name}#${call.attempt}`);
      return next(call);
    },
  });
}

const inner = tool('inner', {}, async () => 'in');

it('is found by the calls made in the work of a call, however deep, the nearest first', async () => {
  const local = new CallLocal<string>();
  const seen: (string | undefined)[] = [];
  const middle = tool('middle', {}, (_: undefined, { call }: Context) => call(inner));
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(middle));
  await createRunner({ use: [leaves(local, seen)] }).call(outer);
  expect(seen).toEqual([undefined, 'tool:outer#1', 'tool:middle#1']);
});

it('is found through calls with which nothing was left, and through runs in runs', async () => {
  const local = new CallLocal<string>();
  const seen: (string | undefined)[] = [];
  const some = {
    ...leaves(local, seen),
    applies: ({ name }: { name: string }) => name === 'stage' || name === 'inner',
  };
  const child = pipeline('child').stage('between', (_, { call }) => call(inner));
  const parent = pipeline('parent').stage('stage', (_, { run }) => run(child));
  await createRunner({ use: [some as Interceptor] }).run(parent);
  expect(seen).toEqual([undefined, 'stage:stage#1']);
});

it('is not found by the call itself, nor by those beside or after it', async () => {
  const local = new CallLocal<string>();
  const seen: (string | undefined)[] = [];
  const runner = createRunner({ use: [leaves(local, seen)] });
  await Promise.all([runner.call(inner), runner.call(inner)]);
  await runner.call(inner);
  expect(seen).toEqual([undefined, undefined, undefined]);
});

it('is kept apart by owner, and the last that was left counts', async () => {
  const [one, other] = [new CallLocal<string>(), new CallLocal<number>()];
  const found: unknown[] = [];
  const both = defineInterceptor({
    name: 'both',
    priority: Place.rate,
    intercept(call, next) {
      found.push([one.around(call), other.around(call)]);
      one.set(call, 'first');
      other.set(call, 1);
      one.set(call, 'last');
      return next(call);
    },
  });
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(inner));
  await createRunner({ use: [both] }).call(outer);
  expect(found).toEqual([
    [undefined, undefined],
    ['last', 1],
  ]);
});

it('is left anew with each attempt', async () => {
  const local = new CallLocal<string>();
  const seen: (string | undefined)[] = [];
  const again = defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept: (call, next) => {
      const first = next(call);
      return first.pipe(catchOnce((error) => next(call.again({ error }))));
    },
  });
  let left = 1;
  const flaky = tool('flaky', {}, async (_: undefined, { call }: Context) => {
    await call(inner);
    if (left-- > 0) throw new Error('again');
  });
  await createRunner({ use: [again, leaves(local, seen)] }).call(flaky);
  expect(seen).toEqual([undefined, 'tool:flaky#1', undefined, 'tool:flaky#2']);
});

function catchOnce(again: (error: unknown) => Observable<unknown>): MonoTypeOperatorFunction<unknown> {
  return (source) => source.pipe(catchError(again));
}

it('is gone with its attempt: a further one has left nothing yet', async () => {
  const local = new CallLocal<string>();
  const seen: (string | undefined)[] = [];
  const once = defineInterceptor({
    name: 'once',
    priority: Place.concurrency,
    applies: ({ name }) => name === 'outer',
    intercept(call, next) {
      if (call.attempt === 1) local.set(call, 'first');
      return next(call);
    },
  });
  const again = defineInterceptor({
    name: 'again',
    priority: Place.retry,
    applies: ({ name }) => name === 'outer',
    intercept: (call, next) => next(call).pipe(retry(1)),
  });
  const looks = defineInterceptor({
    name: 'looks',
    priority: Place.chaos,
    applies: ({ name }) => name === 'inner',
    intercept(call, next) {
      seen.push(local.around(call));
      return next(call);
    },
  });
  const outer = tool('outer', {}, async (_: undefined, { call, attempt }: Context) => {
    await call(inner);
    if (attempt === 1) throw new Error('once more');
  });
  await createRunner({ use: [once, again, looks] }).call(outer);
  expect(seen).toEqual(['first', undefined]);
});
