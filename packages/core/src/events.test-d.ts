import { expectTypeOf, it } from 'vitest';
import type {
  CallEventBase,
  CallEvents,
  EndFacts,
  RunEventBase,
  SluiceEvent,
  UserEvent,
  WarningEvent,
} from './events.ts';
import type { Observable } from './flow.ts';
import type { Run } from './run.ts';
import type { Runner } from './runner.ts';
import type { Verdict } from './verdict.ts';

declare module './events.ts' {
  interface CallEvents {
    'test.cached': { readonly key: string; readonly ageMs?: number };
  }
}

type Of<T extends SluiceEvent['type']> = Extract<SluiceEvent, { readonly type: T }>;

it('runners and runs have the one union of events', () => {
  expectTypeOf<Runner['events$']>().toEqualTypeOf<Observable<SluiceEvent>>();
  expectTypeOf<Run['events$']>().toEqualTypeOf<Observable<SluiceEvent>>();
});

it('every event has its place and its time', () => {
  expectTypeOf<SluiceEvent['seq']>().toEqualTypeOf<number>();
  expectTypeOf<SluiceEvent['at']>().toEqualTypeOf<number>();
});

it('an event is known by its type', () => {
  const event = {} as SluiceEvent;
  if (event.type === 'verdict') {
    expectTypeOf(event.status).toEqualTypeOf<Verdict>();
    expectTypeOf(event.within).toEqualTypeOf<string | undefined>();
    expectTypeOf(event.attempt).toEqualTypeOf<number>();
  }
  if (event.type === 'run.end') {
    expectTypeOf(event.durationMs).toEqualTypeOf<number>();
    expectTypeOf(event.parentRunId).toEqualTypeOf<string | undefined>();
    // @ts-expect-error a run is no call
    event.attempt;
  }
  if (event.type === 'warning') {
    expectTypeOf(event).toEqualTypeOf<WarningEvent>();
    // @ts-expect-error it is about no run
    event.runId;
  }
  if (event.type === 'progress') expectTypeOf(event.note).toEqualTypeOf<string | undefined>();
  if (event.type === 'tool.item') expectTypeOf(event.index).toEqualTypeOf<number>();
  if (event.type === 'stage.skip') {
    expectTypeOf(event.because).toEqualTypeOf<string | undefined>();
    // @ts-expect-error it was never attempted
    event.attempt;
  }
  if (event.type === 'cleanup.late') expectTypeOf(event.left).toEqualTypeOf<number>();
});

it('what users tell has a type of their own', () => {
  expectTypeOf<Extract<SluiceEvent, { type: 'user.saved' }>>().toBeNever();
  expectTypeOf<Extract<SluiceEvent, UserEvent>>().toEqualTypeOf<UserEvent>();
  const event = {} as SluiceEvent;
  if (event.type === 'user.saved') expectTypeOf(event.data).toEqualTypeOf<unknown>();
});

it('plugins add events by declaration merging', () => {
  expectTypeOf<Of<'test.cached'>>().toEqualTypeOf<
    { readonly type: 'test.cached' } & CallEventBase & CallEvents['test.cached']
  >();
  const event = {} as SluiceEvent;
  if (event.type === 'test.cached') expectTypeOf(event.key).toEqualTypeOf<string>();
  // @ts-expect-error nobody has added this one
  if (event.type === 'test.unknown') return;
});

it('every end says how, how long, and why', () => {
  type Ends = Of<'run.end' | 'stage.end' | 'tool.end' | 'function.end' | 'attempt.end' | 'verdict'>;
  expectTypeOf<Ends>().toExtend<EndFacts>();
  expectTypeOf<Of<'run.start' | 'run.end'>>().toExtend<RunEventBase>();
});

it('no event can be changed', () => {
  const event = {} as SluiceEvent;
  // @ts-expect-error it is told to everybody
  event.seq = 1;
});
