import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Course } from './course.ts';

describe('the course of a limit', () => {
  it('stands still from the first reason to the last, and goes on with what was left when it came to a stand', () => {
    const course = new Course(100);
    expect([course.began, course.paused, course.pausedMs]).toEqual([100, false, 0]);
    expect(course.pause(130, 70)).toBe(true);
    expect(course.pause(140, Number.POSITIVE_INFINITY)).toBe(false);
    expect(course.resume(150)).toBeUndefined();
    expect(course.paused).toBe(true);
    expect(course.resume(180)).toBe(70);
    expect([course.paused, course.pausedMs]).toEqual([false, 50]);
  });

  it('may stand still again and again, each time with what is left then', () => {
    const course = new Course(0);
    course.pause(10, 90);
    expect(course.resume(20)).toBe(90);
    expect(course.pause(50, 60)).toBe(true);
    expect(course.resume(1_050)).toBe(60);
    expect(course.pausedMs).toBe(1_010);
  });

  it('has stood still for as long as there was a reason, however reasons overlap', () => {
    const pauses = fc.array(fc.record({ from: fc.nat(200), ms: fc.nat(80) }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(pauses, (all) => {
        const course = new Course(0);
        const turns = all
          .flatMap(({ from, ms }) => [
            { at: from, by: 1 },
            { at: from + ms, by: -1 },
          ])
          .sort((a, b) => a.at - b.at || b.by - a.by);
        for (const { at, by } of turns) {
          if (by > 0) course.pause(at, 0);
          else course.resume(at);
        }
        const standing = Array.from({ length: 300 }, (_, at) =>
          all.some(({ from, ms }) => from <= at && at < from + ms),
        );
        expect(course.pausedMs).toBe(standing.filter(Boolean).length);
        expect(course.paused).toBe(false);
      }),
    );
  });

  it('keeps what the work was warned with', () => {
    expect(new Course(0).warning).toBeUndefined();
  });
});
