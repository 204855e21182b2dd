import { describe, expect, it } from 'vitest';
import { Environment } from './environment.ts';
import type { Host, Step, StepEnd } from './graph-loop.ts';
import { LocalHost } from './local-host.ts';
import { type AnyPipeline, pipeline, pipelineFacts } from './pipeline.ts';
import { planOf } from './pipeline-plan.ts';
import { PipelineRun } from './pipeline-run.ts';
import type { Report } from './report.ts';
import { readRunOptions } from './run-options.ts';
import { Stack } from './stack.ts';
import { leakLedger } from './testing/leak-ledger.ts';

/** Remembers how steps ended, by name: what is remembered does not run again. */
class RememberingHost implements Host {
  readonly memory: Map<string, StepEnd>;
  readonly ran: string[] = [];
  readonly #local = new LocalHost();

  constructor(memory: ReadonlyMap<string, StepEnd> = new Map()) {
    this.memory = new Map(memory);
  }

  step(index: number, name: string, run: (ended: (end: StepEnd) => void) => void): Step {
    const known = this.memory.get(name);
    return this.#local.step(index, name, (ended) => {
      if (known !== undefined) {
        ended(known);
        return;
      }
      this.ran.push(name);
      run((end) => {
        this.memory.set(name, end);
        ended(end);
      });
    });
  }

  select(): Step | PromiseLike<Step> {
    return this.#local.select();
  }
}

async function runOn(host: Host, one: AnyPipeline): Promise<Report> {
  const environment = new Environment(new Stack([]));
  const facts = pipelineFacts(one);
  const request = readRunOptions(undefined, facts);
  const chains = planOf(environment, facts, request);
  const run = new PipelineRun({ environment, facts, request, chains, input: 7, parent: null, host });
  await run.go();
  return run.report as Report;
}

describe('a run on a host that remembers', () => {
  const shape = pipeline<number>('p')
    .stage('a', ({ input }) => input * 2)
    .stage('b', ['a'], async ({ a }) => a + 1)
    .stage('c', { needs: ['a'], when: () => false }, () => 'never')
    .stage('d', { needs: ['b'], optional: ['c'] }, ({ b, c }) => [b, c]);

  it('asks for every step, once, and goes the same way as without', async () => {
    const host = new RememberingHost();
    const { output, status } = await runOn(host, shape);
    expect([status, output]).toEqual(['ok', { a: 14, b: 15, d: [15, undefined] }]);
    expect(host.ran).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not run again what had ended, and has its value', async () => {
    const ledger = leakLedger();
    const first = new RememberingHost();
    await runOn(first, shape);
    first.memory.delete('d');
    const second = new RememberingHost(first.memory);
    const report = await runOn(second, shape);
    expect(second.ran).toEqual(['d']);
    expect(report.output).toEqual({ a: 14, b: 15, d: [15, undefined] });
    expect(report.stages['c']).toMatchObject({ status: 'skipped', because: 'when' });
    ledger.assertEmpty();
  });

  it('fails as it did with what had failed, and starts nothing', async () => {
    const broken = pipeline<number>('broken')
      .stage('a', () => {
        throw new Error('boom');
      })
      .stage('b', ['a'], () => 1);
    const first = new RememberingHost();
    const { error } = await runOn(first, broken);
    const second = new RememberingHost(first.memory);
    const report = await runOn(second, broken);
    expect(second.ran).toEqual([]);
    expect(report.status).toBe('failed');
    expect(report.error).toBe(error);
    expect(report.stages['b']).toMatchObject({ status: 'skipped', because: 'a' });
  });
});
