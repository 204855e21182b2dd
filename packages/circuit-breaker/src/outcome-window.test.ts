import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutcomeWindow } from './outcome-window.ts';
import { anyNews, anySpec, countsIn, countsOf, Told } from './window-log.test-kit.ts';
import { newWindow, type WindowSpec } from './window-spec.ts';

const SPECS: readonly WindowSpec[] = [
  { type: 'count', size: 10, minimum: 1 },
  { type: 'time', sizeMs: 10_000, minimum: 1 },
  { type: 'consecutive', size: 3 },
];

describe.each(SPECS)('a window of the type $type', (spec) => {
  const counts = (tell: (window: OutcomeWindow) => void, now = 0) => {
    const window = newWindow(spec);
    tell(window);
    return countsIn(window, now);
  };

  it('is empty at first', () => {
    expect(counts(() => {})).toEqual({ calls: 0, failures: 0, paced: 0, slow: 0 });
  });

  it('counts a slow call as slow while it runs, and its outcome only when it has ended', () => {
    expect(counts((window) => window.slowed(0))).toEqual({ calls: 0, failures: 0, paced: 1, slow: 1 });
  });

  it('counts a call that was slow and then failed once as slow and once as failed', () => {
    const told = (window: OutcomeWindow): void => {
      window.slowed(0);
      window.endedSlow(true, 0);
    };
    expect(counts(told)).toEqual({ calls: 1, failures: 1, paced: 1, slow: 1 });
  });

  it('counts a failure of which the call was slow long ago', () => {
    const told = (window: OutcomeWindow): void => {
      window.slowed(0);
      window.endedSlow(true, 3_600_000);
    };
    expect(counts(told, 3_600_000)).toMatchObject({ calls: 1, failures: 1 });
  });

  it('forgets everything when it is cleared, and counts on from there', () => {
    const window = newWindow(spec);
    window.ended(true, 0);
    window.slowed(0);
    window.clear();
    expect(countsIn(window, 0)).toEqual({ calls: 0, failures: 0, paced: 0, slow: 0 });
    window.ended(true, 0);
    expect(countsIn(window, 0)).toMatchObject({ calls: 1, failures: 1, slow: 0 });
  });

  it('takes nothing from the snapshot of another type, and keeps nothing', () => {
    const window = newWindow(spec);
    window.ended(true, 0);
    const other = newWindow(SPECS.find(({ type }) => type !== spec.type) as WindowSpec);
    other.ended(true, 0);
    window.restore(other.snapshot(0), 0);
    expect(countsIn(window, 0)).toEqual({ calls: 0, failures: 0, paced: 0, slow: 0 });
  });
});

describe('a window of any type', () => {
  it('counts what its definition says of all that it was ever told, whatever comes when', () => {
    fc.assert(
      fc.property(anySpec, fc.array(anyNews, { maxLength: 150 }), (spec, all) => {
        const window = newWindow(spec);
        const told = new Told(window);
        let now = 0;
        for (const { after, do: what, failed } of all) {
          now += after;
          if (what === 'slowed') told.slowed(now);
          else told[what](failed, now);
          expect(countsIn(window, now)).toEqual(countsOf(spec, told.log, now));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('goes on after a snapshot as if there had been none, at a clock that reads something else', () => {
    fc.assert(
      fc.property(
        anySpec,
        fc.array(anyNews, { maxLength: 60 }),
        fc.array(anyNews, { maxLength: 60 }),
        fc.constantFrom(0, 5, 1e6),
        (spec, before, after, widths) => {
          const [window, restored] = [newWindow(spec), newWindow(spec)];
          let now = 1_000_000;
          const tell = (window: OutcomeWindow, { do: what, failed }: (typeof before)[number], at: number): void =>
            what === 'slowed' ? window.slowed(at) : window[what](failed, at);
          for (const news of before) {
            now += news.after;
            tell(window, news, now);
          }
          // By whole buckets, so that what is in one stays in one.
          const moved = -widths * (spec.type === 'time' ? spec.sizeMs / 20 : 1);
          restored.ended(true, now + moved);
          restored.restore(JSON.parse(JSON.stringify(window.snapshot(now))), now + moved);
          for (const news of after) {
            expect(countsIn(restored, now + moved)).toEqual(countsIn(window, now));
            now += news.after;
            tell(window, news, now);
            tell(restored, news, now + moved);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
