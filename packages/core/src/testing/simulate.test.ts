import { afterEach, describe, expect, it, vi } from 'vitest';
import { createRunner } from '../runner.ts';
import { tool } from '../tool.ts';
import { scripted } from './scripted.ts';
import { type Simulation, simulate } from './simulate.ts';

afterEach(() => vi.unstubAllEnvs());

describe('simulate', () => {
  it('runs a program under as many seeds as asked for, each with a clock and choices of its own', async () => {
    const seeds: number[] = [];
    const draws = new Set<number>();
    const program = ({ seed, random, integer, pick, chance }: Simulation): void => {
      seeds.push(seed);
      draws.add(random());
      expect(integer(3, 5)).toBeGreaterThanOrEqual(3);
      expect(integer(3, 5)).toBeLessThanOrEqual(5);
      expect(['a', 'b']).toContain(pick(['a', 'b']));
      expect(chance(0)).toBe(false);
    };
    expect(await simulate({ runs: 50, seed: 10, program })).toEqual({ runs: 50 });
    expect(seeds).toEqual(Array.from({ length: 50 }, (_, n) => n + 10));
    expect(draws.size).toBe(50);
  });

  it('names the seed that failed, and how to repeat it', async () => {
    const program = ({ seed }: Simulation): void => {
      if (seed === 101) throw new Error('a permit is lost');
    };
    await expect(simulate({ runs: 1_000, program })).rejects.toThrow(
      /Seed 101 failed: a permit is lost\n.*SLUICE_SEED=101/,
    );
  });

  it('repeats one seed alone when the environment names it', async () => {
    vi.stubEnv('SLUICE_SEED', '101');
    const seeds: number[] = [];
    await simulate({ runs: 1_000, program: ({ seed }) => void seeds.push(seed) });
    expect(seeds).toEqual([101]);
  });

  it('fails when something is left alive', async () => {
    const program = async ({ clock }: Simulation): Promise<void> => {
      const deaf = scripted([{ do: 'hang', ignoreSignal: true }], { clock });
      await createRunner({ clock })
        .call(tool('deaf', {}, deaf), undefined, { deadline: 10 })
        .catch(() => {});
    };
    await expect(simulate({ runs: 1, program })).rejects.toThrow('1 works that have not settled');
  });

  it('checks what the program answers when everything has settled', async () => {
    const program = ({ clock }: Simulation): (() => void) => {
      let settled = false;
      clock.schedule(1_000, () => {
        settled = true;
      });
      return () => expect(settled).toBe(true);
    };
    await simulate({ runs: 3, program });
    await expect(simulate({ runs: 1, program: () => () => expect.fail('not as it must be') })).rejects.toThrow(
      'Seed 1',
    );
  });

  it('fails when the program would never end', async () => {
    await expect(simulate({ runs: 1, program: () => new Promise(() => {}) })).rejects.toThrow('never will');
  });
});
