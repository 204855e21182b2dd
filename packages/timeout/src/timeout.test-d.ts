import { createRunner, type PartialResult, pipeline, tool, wrap } from '@sluice/core';
import { describe, expectTypeOf, it } from 'vitest';
import { adaptiveLimit, heartbeat, timeout } from './index.ts';

const runner = createRunner({ use: [timeout('30s'), heartbeat()] });

describe('the types of timeout', () => {
  it('take a duration, the limits one by one, and layers of both', () => {
    timeout();
    timeout(5_000);
    timeout('none');
    timeout({ total: '1m', attempt: adaptiveLimit({ max: '5s' }), queue: 0, soft: '3s', grace: '1s', cleanup: '2s' });
    timeout({
      kinds: { agent: '5m' },
      stages: { fetch: { attempt: '3s' } },
      tools: { search: 'none' },
      applies: 'tool',
    });
    // @ts-expect-error: no duration
    timeout('soon');
    // @ts-expect-error: no option
    timeout({ atempt: 5 });
    // @ts-expect-error: no kind
    timeout({ kinds: { robot: '5m' } });
    // @ts-expect-error: neither of the two
    timeout({ partial: 'keep' });
    // @ts-expect-error: a limit for everything is no limit of heartbeats
    heartbeat({ total: '3s' });
  });

  it('are the policies of stages and tools', () => {
    tool('a', { timeout: '3s', heartbeat: { timeout: '1s', refreshOn: 'heartbeat' } }, async (q: string) => q);
    tool('a', { timeout: 'none' }, async (q: string) => q);
    // @ts-expect-error: no duration
    tool('a', { timeout: 'never' }, async (q: string) => q);
    // @ts-expect-error: neither of the two
    tool('a', { heartbeat: { refreshOn: 'item' } }, async (q: string) => q);
  });

  it('make a stage that may resolve with a part an output that says so', async () => {
    const some = pipeline('some')
      .stage('whole', { timeout: '3s' }, async () => [1, 2])
      .stage('part', { needs: ['whole'], timeout: { partial: 'resolve' } }, async function* ({ whole }) {
        yield* whole;
      })
      .stage('after', ['whole', 'part'], ({ whole, part }) => {
        expectTypeOf(whole).toEqualTypeOf<number[]>();
        expectTypeOf(part).toEqualTypeOf<number[] | PartialResult<number[]>>();
        return 'partial' in part ? part.value.length : part.length;
      });
    const out = await runner.run(some);
    expectTypeOf(out.part).toEqualTypeOf<number[] | PartialResult<number[]>>();
    expectTypeOf(out.after).toEqualTypeOf<number>();
  });

  it('make a tool that may resolve with a part say so', async () => {
    const part = tool('part', { timeout: { total: '1s', partial: 'resolve' } }, async (n: number) => ({ n }));
    expectTypeOf(await runner.call(part, 1)).toEqualTypeOf<{ n: number } | PartialResult>();
    const whole = tool('whole', { timeout: { total: '1s' } }, async (n: number) => ({ n }));
    expectTypeOf(await runner.call(whole, 1)).toEqualTypeOf<{ n: number }>();
    const short = tool('short', { timeout: '1s', heartbeat: '1s' }, async (n: number) => ({ n }));
    expectTypeOf(await runner.call(short, 1)).toEqualTypeOf<{ n: number }>();
  });

  it('make a function that may resolve with a part say so', () => {
    const load = wrap(async (id: string) => ({ id }), timeout({ total: '1s', partial: 'resolve' }));
    expectTypeOf(load).returns.resolves.toEqualTypeOf<{ id: string } | PartialResult>();
    const plain = wrap(async (id: string) => ({ id }), timeout({ total: '1s' }), heartbeat('3s'));
    expectTypeOf(plain).returns.resolves.toEqualTypeOf<{ id: string }>();
  });
});
