import { describe, expect, it } from 'vitest';
import { pipeline } from '../pipeline.ts';
import { bench, failure, hang } from '../pipeline-bench.test-kit.ts';
import { tool } from '../tool.ts';
import { recorder } from './recorder.ts';

const boom = new Error('boom went it');

/** One run of a pipeline of three stages, recorded. */
async function recorded() {
  const { runner, clock, sleep } = bench();
  await clock.advance(1_000);
  const ofRunner = recorder(runner);
  const run = runner.run(
    pipeline('demo', { onFailure: 'continue' })
      .stage('fetch', () => sleep(100))
      .stage('two words', ['fetch'], async () => {
        await sleep(20);
        throw boom;
      })
      .stage('last', ['two words'], () => 1),
  );
  const ofRun = recorder(run);
  await clock.until(run.report);
  return { runner, clock, run, ofRunner, ofRun };
}

const RIGHT = `
    0  run.start    demo
    0  stage.start  fetch
  100  stage.end    fetch        status=ok durationMs=100
  100  stage.start  "two words"
  120  stage.end    "two words"  status=failed error.message="boom went it"
  120  run.end      demo         status=failed
`;

const wrong = (check: () => void): string => {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  return 'it passed';
};

describe('an expected timeline', () => {
  it('passes when it is what happened, for a runner and for a run', async () => {
    const { ofRunner, ofRun } = await recorded();
    ofRunner.expectTimeline(RIGHT);
    ofRun.expectTimeline(RIGHT);
    expect(ofRun.events).toEqual(ofRunner.events);
  });

  it('may leave out times, names, fields and types', async () => {
    const { ofRun } = await recorded();
    ofRun.expectTimeline('run.start\nrun.end status=failed');
    ofRun.expectTimeline('stage.end\n120 stage.end');
    ofRun.expectTimeline('');
    ofRun.expectTimeline('run.end error.code=STAGE_FAILED error.nothing.deeper=undefined');
  });

  it.each([
    ['a line too many', `${RIGHT}\n 130 stage.end last`, 'missing: 130 stage.end last'],
    ['a line too few', '0 stage.start fetch', 'not expected: 100  stage.start'],
    ['another time', '1 run.start demo', '1 run.start demo: time is 0'],
    ['another name', 'run.start other', 'name is demo'],
    ['another value', 'run.end status=ok', 'run.end status=ok: status is failed'],
    ['another value within', 'run.end error.code=TIMEOUT', 'error.code is STAGE_FAILED'],
    ['another quoted value', 'stage.end\nstage.end error.message="boom went"', 'error.message is boom went it'],
    ['another order', 'run.end\nrun.start', 'run.end: type is run.start'],
    ['a type that there is not', 'run.begin demo', 'missing: run.begin demo'],
    ['a field that there is not', 'run.start status=ok', 'status is undefined'],
  ])('fails for %s, and says so', async (_, text, message) => {
    const { ofRun } = await recorded();
    const said = wrong(() => ofRun.expectTimeline(text));
    expect(said).toContain(message);
    expect(said).toContain('Recorded:');
  });

  it('fails for a second bare word, and says that names are quoted', async () => {
    const { ofRun } = await recorded();
    const said = wrong(() => ofRun.expectTimeline('run.start demo attempt 7'));
    expect(said).toContain('What is "attempt 7" in the line "run.start demo attempt 7"?');
    expect(said).toContain('double quotes');
  });

  it('can ask for a value with a sign of equality, and for none', async () => {
    const { clock, runner } = bench();
    const recording = recorder(runner);
    await clock.until(
      runner.call(
        tool('t', {}, (_: unknown, { progress }) => {
          progress(0.5, 'a=b');
          progress(1);
        }),
      ),
    );
    recording.expectTimeline('progress t note=a=b fraction=0.5\nprogress t note=undefined');
  });

  it('knows a run deadline as the run knows it', async () => {
    const { clock, runner } = bench();
    const recording = recorder(runner);
    const slow = pipeline('slow').stage('wait', (_, { signal }) => hang(signal));
    await clock.until(failure(runner.run(slow, undefined, { deadline: 100 })));
    recording.expectTimeline(`
        0  run.start    slow
      100  timeout      slow  scope=run limit=deadline limitMs=100 lagMs=0
      100  run.end      slow  status=timeout error.code=TIMEOUT durationMs=100
    `);
  });
});

describe('what was recorded', () => {
  it('is told as a timeline, of some types or of all', async () => {
    const { ofRun } = await recorded();
    expect(ofRun.timeline('run.start', 'run.end')).toBe('0  run.start  demo\n120  run.end  demo');
    expect(ofRun.timeline('stage.start').split('\n')[1]).toBe('100  stage.start  "two words"');
    expect(ofRun.timeline().split('\n')).toHaveLength(ofRun.events.length);
    expect(ofRun.timeline('nothing')).toBe('');
  });

  it('is a timeline that can be expected', async () => {
    const { ofRun } = await recorded();
    expect(wrong(() => ofRun.expectTimeline(ofRun.timeline()))).toBe('it passed');
  });

  it('counts its time from its first event', async () => {
    const { runner, clock } = await recorded();
    await clock.advance(50);
    const later = recorder(runner);
    const run = runner.run(
      pipeline('again').stage('s', () => new Promise<void>((resolve) => clock.schedule(0.25, resolve))),
    );
    await clock.until(run);
    later.expectTimeline('0 run.start again\n0.25 run.end again');
  });

  it('does not grow once it is stopped', async () => {
    const { runner, ofRunner } = await recorded();
    const { length } = ofRunner.events;
    ofRunner.stop();
    ofRunner.stop();
    await runner.call(tool('t', {}, () => 1));
    expect(ofRunner.events).toHaveLength(length);
  });
});
