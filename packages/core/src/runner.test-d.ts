import { type Observable, of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { DrainReport } from './drain.ts';
import type { SluiceEvent } from './events.ts';
import type { Explanation } from './explain.ts';
import type { AnyPipeline } from './pipeline.ts';
import type { RunRecord } from './run-records.ts';
import { createRunner } from './runner.ts';
import { type AnyTool, type Tool, tool } from './tool.ts';

const runner = createRunner();
const search = tool('search', { input: z.object({ q: z.string(), size: z.string().transform(Number) }) }, () =>
  of('hit'),
);
const now = tool('now', {}, () => 1);
const maybe = tool('maybe', {}, (_: string | undefined) => 1);
const none: Tool<void, number, number> = tool('none', {}, () => 1);

describe('a call of a tool', () => {
  it('takes what its schema takes, and promises its output', () => {
    expectTypeOf(runner.call(search, { q: 'a', size: '5' })).toEqualTypeOf<Promise<string[]>>();
    expectTypeOf(runner.stream(search, { q: 'a', size: '5' })).toEqualTypeOf<Observable<string>>();
  });

  it('with a wrong input does not compile', () => {
    // @ts-expect-error the schema takes a text for the size
    runner.call(search, { q: 'a', size: 5 });
    // @ts-expect-error the size is missing
    runner.call(search, { q: 'a' });
    // @ts-expect-error the input is missing
    runner.call(search);
    // @ts-expect-error the input is missing
    runner.stream(search);
    // @ts-expect-error no such field
    runner.stream(search, { q: 'a', size: '5', page: 1 });
  });

  it('may leave out an input that is void, may be undefined, or is not looked at', () => {
    expectTypeOf(runner.call(now)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(runner.call(maybe)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(runner.call(none)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(runner.stream(none)).toEqualTypeOf<Observable<number>>();
    // @ts-expect-error there is nothing to give
    runner.call(none, 5);
  });

  it('takes options after the input, and no others than there are', () => {
    runner.call(now, undefined, { deadline: '5s', signal: AbortSignal.abort(), runId: 'r' });
    runner.call(now, undefined, { deadline: undefined });
    // @ts-expect-error no duration
    runner.call(now, undefined, { deadline: 'soon' });
    // @ts-expect-error no such option
    runner.call(now, undefined, { daedline: '5s' });
  });

  it('is the same inside a work', () => {
    tool('outer', {}, (_: undefined, ctx) => {
      expectTypeOf(ctx.call(search, { q: 'a', size: '5' })).toEqualTypeOf<Promise<string[]>>();
      // @ts-expect-error the input is missing
      ctx.call(search);
    });
  });

  it('is not for what is no tool', () => {
    // @ts-expect-error no tool
    runner.call({ name: 'search' });
  });
});

it('what a registry gives may be called with anything: its input is checked at run time', () => {
  const found = {} as Tool;
  expectTypeOf(runner.call(found, JSON.parse('1'))).toEqualTypeOf<Promise<unknown>>();
  expectTypeOf(runner.explain).parameter(0).toEqualTypeOf<AnyTool | AnyPipeline | undefined>();
});

it('events are told apart by their type', () => {
  expectTypeOf(runner.events$).toEqualTypeOf<Observable<SluiceEvent>>();
  const told = (event: SluiceEvent): void => {
    if (event.type === 'tool.end') expectTypeOf(event.durationMs).toEqualTypeOf<number>();
    if (event.type === 'warning') expectTypeOf(event.message).toEqualTypeOf<string>();
    if (event.type === 'timeout') expectTypeOf(event.scope).toEqualTypeOf<string>();
    // @ts-expect-error only some events have a message
    event.message;
  };
  expectTypeOf(told).toBeFunction();
});

it('options of a runner that cannot be do not compile', () => {
  // @ts-expect-error no such option
  createRunner({ loger: console });
  // @ts-expect-error on or off
  createRunner({ timeouts: false });
  // @ts-expect-error no duration
  createRunner({ grace: 'soon' });
  // @ts-expect-error no plugin
  createRunner({ use: ['retry'] });
});

describe('the operation of a runner', () => {
  it('is typed: shutting down, updating, asking', () => {
    expectTypeOf(runner.drain()).toEqualTypeOf<Promise<DrainReport>>();
    expectTypeOf(runner.drain({ grace: '5s' })).toEqualTypeOf<Promise<DrainReport>>();
    expectTypeOf(runner[Symbol.asyncDispose]()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(runner.update({ timeout: { total: '5s' } })).toEqualTypeOf<void>();
    expectTypeOf(runner.explain()).toEqualTypeOf<Explanation>();
    expectTypeOf(runner.explain(search)).toEqualTypeOf<Explanation>();
    expectTypeOf(runner.runs.get('id')).toEqualTypeOf<RunRecord | undefined>();
    expectTypeOf(runner.runs.list({ status: 'running' })).toEqualTypeOf<RunRecord[]>();
    expectTypeOf(runner.runs.cancel('id', new Error('why'))).toEqualTypeOf<boolean>();
  });

  it('does not compile with what is no grace, no status, and no duration', () => {
    // @ts-expect-error a grace is a duration
    runner.drain({ grace: 'soon' });
    // @ts-expect-error there is no such option
    runner.drain({ garce: 5 });
    // @ts-expect-error there is no such status
    runner.runs.list({ status: 'done' });
    // @ts-expect-error an age is a duration
    createRunner({ runs: { maxAge: 'soon' } });
    // @ts-expect-error signals are handled, or not
    createRunner({ handleSignals: 'SIGTERM' });
  });
});
