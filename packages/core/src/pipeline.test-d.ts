import { type Observable, of } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type CallResult,
  createRunner,
  type Pipeline,
  type PipelineOutput,
  pipeline,
  pipelineFrom,
  type SluiceError,
  type StageReport,
  stage,
  tool,
} from './index.ts';

declare module './policies.ts' {
  interface Policies {
    boxing?: { readonly how?: 'open' | 'closed' | undefined } | 'none' | undefined;
  }
  interface PolicyHints<H> {
    boxing?: { readonly how?: H | undefined } | 'none' | undefined;
  }
  interface PolicyOutput<T, H> {
    boxing: 'closed' extends H ? { readonly box: T } : T;
  }
}

const runner = createRunner();
interface Doc {
  readonly title: string;
}

describe('the types of a pipeline follow the data', () => {
  const digest = pipeline<{ url: string }>('digest')
    .stage('fetch', async ({ input }, { signal }) => {
      expectTypeOf(input).toEqualTypeOf<{ url: string }>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return { title: input.url } as Doc;
    })
    .stage('tokens', { needs: ['fetch'], kind: 'agent' }, async function* ({ fetch }) {
      expectTypeOf(fetch).toEqualTypeOf<Doc>();
      yield 'a';
    })
    .stage('last', { needs: ['fetch'], collect: 'last' }, async function* () {
      yield 1;
    })
    .stage('observed', ['fetch'], ({ fetch }) => of(fetch.title.length))
    .stage('publish', ['tokens', 'observed'], ({ input, tokens, observed }) => {
      expectTypeOf(input).toEqualTypeOf<{ url: string }>();
      expectTypeOf(tokens).toEqualTypeOf<string[]>();
      expectTypeOf(observed).toEqualTypeOf<number[]>();
      return tokens.length + observed.length;
    });

  it('outputs of promises, generators and Observables', async () => {
    const run = runner.run(digest, { url: 'x' });
    const out = await run;
    expectTypeOf(out.fetch).toEqualTypeOf<Doc>();
    expectTypeOf(out.tokens).toEqualTypeOf<string[]>();
    expectTypeOf(out.last).toEqualTypeOf<number | undefined>();
    expectTypeOf(out.observed).toEqualTypeOf<number[]>();
    expectTypeOf(out.publish).toEqualTypeOf<number>();
    expectTypeOf<PipelineOutput<typeof digest>['publish']>().toEqualTypeOf<number>();
    expectTypeOf(run.stream('tokens')).toEqualTypeOf<Observable<string>>();
    expectTypeOf(run.stream('fetch')).toEqualTypeOf<Observable<Doc>>();
    const report = await run.report;
    expectTypeOf(report.stages.fetch).toEqualTypeOf<StageReport<Doc>>();
    if (report.stages.fetch.status === 'ok') expectTypeOf(report.stages.fetch.value).toEqualTypeOf<Doc>();
    if (report.stages.fetch.status === 'skipped') expectTypeOf(report.stages.fetch.because).toEqualTypeOf<string>();
    // @ts-expect-error a stage that is skipped has no error
    if (report.stages.fetch.status === 'skipped') report.stages.fetch.error;
    // @ts-expect-error no such stage
    run.stream('fech');
    // @ts-expect-error no such stage
    report.stages.fech;
  });

  it('only what a stage needs is there', () => {
    // @ts-expect-error it does not need fetch
    digest.stage('more', ['publish'], ({ fetch }) => fetch);
    // @ts-expect-error it needs nothing
    digest.stage('more', ({ fetch }) => fetch);
  });

  it('what may be there is T | undefined', () => {
    digest.stage('more', { optional: ['fetch'], needs: ['publish'] }, ({ fetch, publish }) => {
      expectTypeOf(fetch).toEqualTypeOf<Doc | undefined>();
      expectTypeOf(publish).toEqualTypeOf<number>();
    });
  });

  it('a stage that its when can skip is T | undefined in the end, and so is what needs it', async () => {
    const maybe = digest
      .stage(
        'mail',
        {
          needs: ['fetch'],
          when: ({ fetch, input }) => {
            expectTypeOf(fetch).toEqualTypeOf<Doc>();
            expectTypeOf(input).toEqualTypeOf<{ url: string }>();
            return fetch.title !== '';
          },
        },
        ({ fetch }) => fetch.title,
      )
      .stage('sent', ['mail'], ({ mail }) => {
        expectTypeOf(mail).toEqualTypeOf<string>();
        return true as boolean;
      })
      .stage('after', { optional: ['sent'] }, ({ sent }) => {
        expectTypeOf(sent).toEqualTypeOf<boolean | undefined>();
        return 1 as number;
      });
    const out = await runner.run(maybe, { url: '' });
    expectTypeOf(out.mail).toEqualTypeOf<string | undefined>();
    expectTypeOf(out.sent).toEqualTypeOf<boolean | undefined>();
    expectTypeOf(out.after).toEqualTypeOf<number>();
    expectTypeOf(out.fetch).toEqualTypeOf<Doc>();
  });

  it('a stage that may say that there is nothing to do puts out what else it returns', async () => {
    const skipping = pipeline('skipping').stage('a', async (_, ctx) => (ctx.attempt > 1 ? ctx.skip('why') : 7));
    expectTypeOf((await runner.run(skipping)).a).toEqualTypeOf<number>();
  });
});

describe('mistakes are compile errors', () => {
  const one = pipeline<string>('one').stage('fetch', () => 1);

  it('an unknown need', () => {
    // @ts-expect-error "fech" is no stage
    one.stage('b', ['fech'], () => 2);
    // @ts-expect-error "fech" is no stage
    one.stage('b', { needs: ['fech'] }, () => 2);
    // @ts-expect-error "fech" is no stage
    one.stage('b', { needs: ['fetch'], optional: ['fech'] }, () => 2);
    // @ts-expect-error a stage cannot wait for itself
    one.stage('b', ['b'], () => 2);
  });

  it('a name that is taken', () => {
    // @ts-expect-error there is one already
    one.stage('fetch', () => 2);
    // @ts-expect-error there is one already
    one.stage('fetch', ['fetch'], () => 2);
    // @ts-expect-error the name of the input
    one.stage('input', () => 2);
    // @ts-expect-error would make a promise of the outputs
    one.stage('then', () => 2);
    // @ts-expect-error no name
    one.stage('', () => 2);
  });

  it('an option that there is not, or of another type', () => {
    // @ts-expect-error misspelt
    one.stage('b', { need: ['fetch'] }, () => 2);
    // @ts-expect-error no such kind
    one.stage('b', { kind: 'agnet' }, () => 2);
    // @ts-expect-error no such way
    one.stage('b', { collect: 'first' }, () => 2);
    // @ts-expect-error no boolean
    one.stage('b', { when: () => 'yes' }, () => 2);
    // @ts-expect-error no such mode
    pipeline('x', { onFailure: 'stop' });
    // @ts-expect-error no duration
    pipeline('x', { deadline: 'soon' });
  });

  it('an input that is missing or of another type', () => {
    // @ts-expect-error it takes a string
    runner.run(one);
    // @ts-expect-error it takes a string
    runner.run(one, 5);
    runner.run(one, 'x');
    runner.run(pipeline('none').stage('a', () => 1));
    runner.run(
      pipeline('none').stage('a', () => 1),
      undefined,
      { deadline: '1s' },
    );
  });
});

describe('a reusable stage', () => {
  const size = stage({ kind: 'transform' }, ({ fetch }: { fetch: string }) => fetch.length);
  const all = stage({ collect: 'last' }, async function* () {
    yield 'x' as string;
  });

  it('gives its output to where it is used', async () => {
    const used = pipeline('used')
      .stage('fetch', () => 'text' as string)
      .stage('size', ['fetch'], size)
      .stage('all', all)
      .stage('both', ['size', 'all'], (deps) => {
        expectTypeOf(deps.size).toEqualTypeOf<number>();
        expectTypeOf(deps.all).toEqualTypeOf<string | undefined>();
      });
    expectTypeOf((await runner.run(used)).size).toEqualTypeOf<number>();
  });

  it('stands only where what it needs is there', () => {
    const number = pipeline('used').stage('fetch', () => 1 as number);
    // @ts-expect-error fetch is a number here
    number.stage('size', ['fetch'], size);
    const text = pipeline('used').stage('fetch', () => 'x' as string);
    // @ts-expect-error fetch is not needed
    text.stage('size', size);
  });
});

describe('hints of policies', () => {
  it('change what a stage puts out', async () => {
    const boxed = pipeline('boxed')
      .stage('plain', { boxing: { how: 'open' } }, () => 1 as number)
      .stage('closed', { boxing: { how: 'closed' } }, async () => 'x' as string)
      .stage('none', { boxing: 'none' }, () => 1 as number)
      .stage('after', ['plain', 'closed'], ({ plain, closed }) => {
        expectTypeOf(plain).toEqualTypeOf<number>();
        expectTypeOf(closed).toEqualTypeOf<{ readonly box: string }>();
      });
    const out = await runner.run(boxed);
    expectTypeOf(out.closed).toEqualTypeOf<{ readonly box: string }>();
    expectTypeOf(out.none).toEqualTypeOf<number>();
    // @ts-expect-error no such way
    pipeline('x').stage('a', { boxing: { how: 'ajar' } }, () => 1);
  });
});

describe('options of a run', () => {
  const two = pipeline<string>('two')
    .stage('a', async ({ input }) => input.length)
    .stage('b', ['a'], async function* ({ a }) {
      yield a;
    });

  it('name its stages', () => {
    runner.run(two, 'x', {
      completed: { a: 1 },
      replace: { a: () => 5, b: async () => [1] },
      stages: { b: { boxing: 'none' } },
    });
    runner.run(two, 'x', { replace: { a: async ({ input }) => input.length } });
    runner.run(two, 'x', {
      replace: {
        b: async function* () {
          yield 1;
        },
      },
    });
    // @ts-expect-error no such stage
    runner.run(two, 'x', { completed: { c: 1 } });
    // @ts-expect-error of another type
    runner.run(two, 'x', { completed: { a: 'one' } });
    // @ts-expect-error of another type
    runner.run(two, 'x', { replace: { a: () => 'five' } });
    // @ts-expect-error no such stage
    runner.run(two, 'x', { stages: { c: {} } });
  });
});

describe('several calls together', () => {
  const add = tool('add', {}, (input: { a: number }) => input.a);
  const say = tool('say', {}, async (input: string) => input);

  it('are typed by their place, by their order and by how they settle', () => {
    pipeline('calls').stage('a', async (_, ctx) => {
      expectTypeOf(await ctx.callAll([])).toEqualTypeOf<[]>();
      const pair = [
        [add, { a: 1 }],
        [say, 'x'],
      ] as const;
      expectTypeOf(await ctx.callAll(pair)).toEqualTypeOf<[number, string]>();
      expectTypeOf(await ctx.callAll(pair, { ordered: true, settle: 'fail-fast' })).toEqualTypeOf<[number, string]>();
      expectTypeOf(await ctx.callAll(pair, { limit: 1, deadline: '1s' })).toEqualTypeOf<[number, string]>();
      const settled = await ctx.callAll(pair, { settle: 'all' });
      expectTypeOf(settled).toEqualTypeOf<[CallResult<number>, CallResult<string>]>();
      const mixed = await ctx.callAll(pair, { settle: 'all', ordered: false });
      expectTypeOf(mixed).toEqualTypeOf<CallResult<number | string>[]>();
      // @ts-expect-error not before it is known how it ended
      settled[0].value;
      if (settled[0].status !== 'ok') expectTypeOf(settled[0].error).toEqualTypeOf<SluiceError | Error>();
    });
  });

  it('cannot be asked for in ways that there are not', () => {
    pipeline('calls').stage('a', async (_, ctx) => {
      // @ts-expect-error no such way
      ctx.callAll([[say, 'x']], { settle: 'any' });
      // @ts-expect-error a number
      ctx.callAll([[say, 'x']], { limit: '2' });
      // @ts-expect-error in brackets
      ctx.callAll([say]);
      // @ts-expect-error no tool
      ctx.callAll([[() => 1, 'x']]);
    });
  });
});

describe('what a stage is given, and what it is called', () => {
  it('is no more than a pipeline has', () => {
    const one = pipeline<string>('one').stage('fetch', () => 1);
    // @ts-expect-error means something else to JavaScript
    one.stage('__proto__', () => 2);
    // @ts-expect-error no stage and no function
    one.stage('b', 5);
    const called = tool('t', {}, () => 1);
    // @ts-expect-error a tool is called, by ctx.call
    one.stage('b', called);
    // @ts-expect-error its own limit is a policy of the timeout plugin
    one.stage('b', { deadline: '5s' }, () => 2);
    // @ts-expect-error the input need not be named
    one.stage('b', ['input'], () => 2);
    // @ts-expect-error only the builder adds
    pipelineFrom({ name: 'x', stages: [] }, { stages: {} }).stage('b', () => 1);
  });

  it('cannot be changed', () => {
    const one = pipeline<string>('one').stage('fetch', () => 1);
    // @ts-expect-error read only
    one.name = 'two';
    // @ts-expect-error read only
    one.stages[0] = undefined;
    // @ts-expect-error read only
    one.stages[0]?.needs.push('x');
  });
});

describe('what work gets', () => {
  const add = tool('add', {}, (input: { a: number }) => input.a);
  const say = tool('say', {}, async (input: string) => input);
  const nothing = tool('nothing', {}, () => true as boolean);

  it('calls several tools, each with its own types', () => {
    pipeline('calls').stage('a', async (_, ctx) => {
      const both = await ctx.callAll([[add, { a: 1 }], [say, 'x'], [nothing]]);
      expectTypeOf(both).toEqualTypeOf<[number, string, boolean]>();
      const many = await ctx.callAll([1, 2].map((a) => [add, { a }] as const));
      expectTypeOf(many).toEqualTypeOf<number[]>();
      const any = await ctx.callAll(
        [
          [add, { a: 1 }],
          [say, 'x'],
        ],
        { ordered: false, limit: 2 },
      );
      expectTypeOf(any).toEqualTypeOf<(number | string)[]>();
      const settled = await ctx.callAll(
        [
          [add, { a: 1 }],
          [say, 'x'],
        ],
        { settle: 'all' },
      );
      if (settled[1].status === 'ok') expectTypeOf(settled[1].value).toEqualTypeOf<string>();
      else expectTypeOf(settled[1].error).toExtend<Error>();
      // @ts-expect-error of another type
      ctx.callAll([[add, 'x']]);
      // @ts-expect-error an input is due
      ctx.callAll([[say]]);
    });
  });

  it('runs other pipelines', () => {
    const child = pipeline<string>('child').stage('a', () => 1 as number);
    pipeline('parent').stage('x', async (_, ctx) => {
      expectTypeOf((await ctx.run(child, 'in')).a).toEqualTypeOf<number>();
      // @ts-expect-error an input is due
      ctx.run(child);
    });
  });

  it('reads its data as unknown, and never goes on after a cancel', () => {
    pipeline('data').stage('x', (_, ctx) => {
      expectTypeOf(ctx.data.get('k')).toEqualTypeOf<unknown>();
      expectTypeOf(ctx.data.merge('n', 1, (sum: number | undefined, n) => (sum ?? 0) + n)).toEqualTypeOf<number>();
      expectTypeOf(ctx.cancel).returns.toEqualTypeOf<never>();
    });
  });
});

it('a pipeline from data has the types that its user gives it', async () => {
  const made = pipelineFrom<string, { total: number }>({ name: 'x', stages: [] }, { stages: {} });
  expectTypeOf(made).toExtend<Pipeline<string>>();
  expectTypeOf((await runner.run(made, 'in')).total).toEqualTypeOf<number>();
  const loose = pipelineFrom({ name: 'x', stages: [] }, { stages: {} });
  expectTypeOf((await runner.run(loose))['anything']).toEqualTypeOf<unknown>();
});
