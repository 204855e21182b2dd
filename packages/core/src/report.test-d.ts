import { of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import {
  createRunner,
  type Orphan,
  pipeline,
  type Report,
  type SluiceError,
  type StageReport,
  type Verdict,
} from './index.ts';

const made = pipeline<string>('made')
  .stage('size', async ({ input }) => input.length)
  .stage('items', () => of('a', 'b'))
  .stage('maybe', { needs: ['size'], when: ({ size }) => size > 1 }, () => true as boolean);
type Out = { readonly size: number; readonly items: string[]; readonly maybe: boolean | undefined };
declare const report: Report<Out>;
declare const one: StageReport<number>;

describe('the report of a run', () => {
  it('has the outputs and the stages of its pipeline, by name', async () => {
    const told = await createRunner().run(made, 'in').report;
    expectTypeOf(told.status).toEqualTypeOf<Verdict>();
    expectTypeOf(told.output.size).toEqualTypeOf<number | undefined>();
    expectTypeOf(told.output.items).toEqualTypeOf<string[] | undefined>();
    expectTypeOf(told.output.maybe).toEqualTypeOf<boolean | undefined>();
    expectTypeOf(told.stages.size).toEqualTypeOf<StageReport<number>>();
    expectTypeOf(told.stages.items).toEqualTypeOf<StageReport<string[]>>();
    expectTypeOf(told.error).toEqualTypeOf<SluiceError | undefined>();
    expectTypeOf(told.orphans).toEqualTypeOf<readonly Orphan[]>();
    expectTypeOf(told.late).toEqualTypeOf<number>();
    expectTypeOf(told.suppressed).toEqualTypeOf<readonly unknown[]>();
    // @ts-expect-error no such stage
    told.output.weather;
    // @ts-expect-error no such stage
    told.stages.weather;
  });

  it('can be given to another run as what is completed', () => {
    const { output } = report;
    createRunner().run(made, 'in', { completed: output });
    // @ts-expect-error of another type
    createRunner().run(made, 'in', { completed: { ...output, size: 'long' } });
  });

  it('has every stage, and cannot be changed', () => {
    expectTypeOf<keyof Report<{ a?: number }>['stages']>().toEqualTypeOf<'a'>();
    expectTypeOf<Report<{ a?: number }>['stages']>().not.toEqualTypeOf<{ a?: StageReport<number> }>();
    // @ts-expect-error read only
    report.status = 'ok';
    // @ts-expect-error read only
    report.stages.size = one;
    // @ts-expect-error read only
    report.suppressed.push(1);
  });

  it('knows nothing of the stages where nobody said which there are', () => {
    expectTypeOf<Report['output'][string]>().toEqualTypeOf<unknown>();
    expectTypeOf<Report['stages'][string]>().toEqualTypeOf<StageReport>();
  });
});

describe('the report of a stage', () => {
  it('is told apart by its status, and has what goes with that, and nothing else', () => {
    switch (one.status) {
      case 'ok':
        expectTypeOf(one.value).toEqualTypeOf<number>();
        // @ts-expect-error nothing went wrong
        one.error;
        // @ts-expect-error it was not skipped
        one.because;
        break;
      case 'failed':
      case 'timeout':
      case 'cancelled':
        expectTypeOf(one.error).toEqualTypeOf<SluiceError>();
        expectTypeOf(one.partial).toEqualTypeOf<unknown>();
        expectTypeOf(one.value).toEqualTypeOf<number | undefined>();
        // @ts-expect-error it was not skipped
        one.because;
        break;
      case 'skipped':
        expectTypeOf(one.because).toEqualTypeOf<string>();
        // @ts-expect-error it never started
        one.value;
        // @ts-expect-error nothing went wrong
        one.error;
        break;
      default:
        expectTypeOf(one).toEqualTypeOf<never>();
    }
  });

  it('has every verdict, and the same facts with each', () => {
    expectTypeOf<StageReport['status']>().toEqualTypeOf<Verdict>();
    expectTypeOf(one.name).toEqualTypeOf<string>();
    expectTypeOf(one.attempts).toEqualTypeOf<number>();
    expectTypeOf(one.startedAt).toEqualTypeOf<number | undefined>();
    expectTypeOf(one.durationMs).toEqualTypeOf<number>();
    expectTypeOf(one.settled).toEqualTypeOf<boolean>();
    expectTypeOf(one.origin).toEqualTypeOf<'fallback' | 'cache' | undefined>();
    // @ts-expect-error not before it is known how it ended
    one.value;
    // @ts-expect-error not before it is known how it ended
    one.because;
  });

  it('that is more special stands for one that is less', () => {
    expectTypeOf(one).toExtend<StageReport>();
    expectTypeOf<StageReport<string>>().not.toExtend<StageReport<number>>();
  });

  it('is what a stage is told of one that it waits for', () => {
    made.stage('asks', ['size'], (_, ctx) => {
      expectTypeOf(ctx.outcome('size')).toEqualTypeOf<StageReport>();
    });
  });
});
