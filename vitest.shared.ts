import type { TestProjectInlineConfiguration } from 'vitest/config';

/** Packages see each other's source, not their builds: tests need no build, and coverage crosses packages. */
const conditions = ['@sluice/source', 'node', 'import', 'module', 'default'];
const resolve = { resolve: { conditions }, ssr: { resolve: { conditions } } };

const real = 'src/**/*.real.test.ts';

/** What hangs must end; how fast what does not hang is, on whatever machine, is no test's business. */
const HANGS = 120_000;

/** What every package's vitest project has in common; `name` is the package's name. */
export function packageProject(name: string): TestProjectInlineConfiguration {
  return {
    ...resolve,
    test: {
      name,
      testTimeout: HANGS,
      include: ['src/**/*.test.ts'],
      exclude: [real],
      typecheck: { enabled: true, include: ['src/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
    },
  };
}

/** The tests on real time: after all others, one file at a time, so that what they measure is not the company they keep. */
export function realProject(name: string): TestProjectInlineConfiguration {
  return {
    ...resolve,
    test: { name: `${name} (real)`, testTimeout: HANGS, include: [real], maxWorkers: 1, sequence: { groupOrder: 1 } },
  };
}
