import { catchError } from 'rxjs';
import { expect, it } from 'vitest';
import { onActualCost } from './actual-cost.ts';
import type { Context } from './context.ts';
import { defineInterceptor, type Interceptor } from './interceptor.ts';
import { Place } from './place.ts';
import { createRunner } from './runner.ts';
import { stack } from './stack.ts';
import { tool } from './tool.ts';

type Costs = Readonly<Record<string, number>>;

function hears(heard: [string, Costs][], owner: object, name = 'hears', place: number = Place.rate): Interceptor {
  return defineInterceptor({
    name,
    priority: place,
    intercept(call, next) {
      onActualCost(call, owner, (actual) => heard.push([`${name} ${call.name}#${call.attempt}`, actual]));
      return next(call);
    },
  });
}

const settles = (costs: unknown) => tool('work', {}, async (_: undefined, ctx: Context) => ctx.settle(costs as Costs));

it('what a work says that it has cost is heard, each time', async () => {
  const heard: [string, Costs][] = [];
  const twice = tool('work', {}, async (_: undefined, ctx: Context) => {
    ctx.settle({ tokens: 3 });
    ctx.settle({ tokens: 5, pages: 0 });
  });
  await createRunner({ use: [hears(heard, {})] }).call(twice);
  expect(heard).toEqual([
    ['hears work#1', { tokens: 3 }],
    ['hears work#1', { tokens: 5, pages: 0 }],
  ]);
});

it('each owner hears it once, the last that asked for it', async () => {
  const heard: [string, Costs][] = [];
  const [one, other] = [{}, {}];
  const use = [hears(heard, one, 'outer', 60), hears(heard, one, 'inner', 70), hears(heard, other, 'other', 65)];
  await createRunner({ use }).call(settles({ tokens: 1 }));
  expect(heard.map(([name]) => name).sort()).toEqual(['inner work#1', 'other work#1']);
});

it('a call in a call settles for itself alone', async () => {
  const heard: [string, Costs][] = [];
  const inner = settles({ tokens: 7 });
  const outer = tool('outer', {}, (_: undefined, { call }: Context) => call(inner));
  await createRunner({ use: [hears(heard, {})] }).call(outer);
  expect(heard).toEqual([['hears work#1', { tokens: 7 }]]);
});

it('each attempt settles for itself', async () => {
  const heard: [string, Costs][] = [];
  const again = defineInterceptor({
    name: 'again',
    priority: Place.retry,
    intercept: (call, next) => next(call).pipe(catchError((error) => next(call.again({ error })))),
  });
  const flaky = tool('work', {}, async (_: undefined, { attempt, settle }: Context) => {
    settle({ tokens: attempt });
    if (attempt === 1) throw new Error('again');
  });
  await createRunner({ use: [again, hears(heard, {})] }).call(flaky);
  expect(heard).toEqual([
    ['hears work#1', { tokens: 1 }],
    ['hears work#2', { tokens: 2 }],
  ]);
});

it.each([
  [{ tokens: -1 }, /settle\.tokens: expected a finite number ≥ 0, got -1/],
  [{ tokens: Number.NaN }, /settle\.tokens/],
  [{ tokens: '3' }, /settle\.tokens/],
  [3, /settle: expected a plain object of numbers/],
  [null, /settle: expected a plain object of numbers/],
] as const)('a cost of %j is refused where it is said, and nobody hears of it', async (costs, message) => {
  const heard: [string, Costs][] = [];
  const runner = createRunner({ use: [hears(heard, {})] });
  await expect(runner.call(settles(costs))).rejects.toThrow(message);
  expect(heard).toEqual([]);
});

it('says nothing where nobody wants to know', async () => {
  await expect(stack([]).execute(async (ctx) => ctx.settle({ tokens: 1 }))).resolves.toBeUndefined();
});
